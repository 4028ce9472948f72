/* Which replicas are made, updated and taken away: one look at a time, as texts of one letter a replica. */
#include <string.h>

#include "model/rollout.h"
#include "unit.h"

#define MANY 8

/* '-' gone, 'l' leaving, 'o' old and good, 'O' old and not good, 'n' new and good, 'N' new and not good, '?' not heard of.
 * The answer: '.' leave, '+' fill, 'x' empty.
 */
static void step_is(const struct rollout_rule *rule, const char *is, const char *expected)
{
    struct replica replicas[MANY] = { { 0 } };
    enum replica_act acts[MANY];
    char answer[MANY + 1] = "";
    size_t count = strlen(is);
    for (size_t i = 0; i < count; i++) {
        replicas[i].gone = is[i] == '-';
        replicas[i].present = strchr("oOnN?", is[i]) != NULL;
        replicas[i].known = replicas[i].present && is[i] != '?';
        replicas[i].updated = strchr("nN", is[i]) != NULL;
        replicas[i].available = strchr("on", is[i]) != NULL;
    }
    rollout_step(rule, replicas, count, acts);
    for (size_t i = 0; i < count; i++)
        answer[i] = ".+x"[acts[i]];
    if (strcmp(answer, expected) != 0)
        fail_msg("%s: %s, expected is %s", is, answer, expected);
}

static void a_deployment_goes_from_one_to_the_next(void **state)
{
    struct rollout_rule rule = { .wanted = 3, .max_unavailable = 1 };
    (void)state;
    step_is(&rule, "---", "+++");
    step_is(&rule, "ooo", "+..");
    step_is(&rule, "Noo", "...");
    step_is(&rule, "noo", ".+.");
    step_is(&rule, "nno", "..+");
    step_is(&rule, "nnn", "...");
    step_is(&rule, "oOo", ".+."); /* what nobody has costs nothing */
    step_is(&rule, "NOo", ".+.");
    step_is(&rule, "???", "..."); /* a restart of davitd hurries nothing */
    step_is(&rule, "nnnoo", "...xx");
    rule.max_unavailable = 2;
    step_is(&rule, "ooo", "++.");
    step_is(&rule, "Noo", ".+.");
}

static void recreate_takes_all_at_once_and_pause_takes_none(void **state)
{
    struct rollout_rule rule = { .wanted = 3, .max_unavailable = 1, .recreate = true };
    (void)state;
    step_is(&rule, "ooO", "+++");
    rule.paused = true;
    step_is(&rule, "ooO", "...");
    step_is(&rule, "oo-", "...");
    step_is(&rule, "ooon", "...x"); /* scaled down all the same */
}

static void a_set_is_made_in_order(void **state)
{
    struct rollout_rule rule = { .wanted = 3, .is_set = true, .ordered = true };
    (void)state;
    step_is(&rule, "---", "+..");
    step_is(&rule, "N--", "...");
    step_is(&rule, "n--", ".+.");
    step_is(&rule, "nl-", "..."); /* the one of that name is still going */
    step_is(&rule, "n-n", ".+.");
    rule.ordered = false;
    step_is(&rule, "---", "+++");
    step_is(&rule, "l--", ".++");
}

static void a_set_is_scaled_down_from_the_highest(void **state)
{
    struct rollout_rule rule = { .wanted = 1, .is_set = true, .ordered = true };
    (void)state;
    step_is(&rule, "nnn", "..x");
    step_is(&rule, "nnl", "...");
    step_is(&rule, "nn-", ".x.");
    step_is(&rule, "Nnn", "..."); /* Kubernetes: not while one of those below is not well */
    rule.ordered = false;
    step_is(&rule, "Nnn", ".xx");
}

static void a_set_is_updated_from_the_highest(void **state)
{
    struct rollout_rule rule = { .wanted = 3, .is_set = true, .ordered = true };
    (void)state;
    step_is(&rule, "ooo", "..+");
    step_is(&rule, "ooN", "...");
    step_is(&rule, "oon", ".+.");
    step_is(&rule, "onn", "+..");
    step_is(&rule, "Ooo", "+.."); /* a broken one is mended by it */
    rule.partition = 2;
    step_is(&rule, "ooo", "..+");
    step_is(&rule, "oon", "...");
    rule.partition = 0;
    rule.on_delete = true;
    step_is(&rule, "ooo", "...");
    step_is(&rule, "oo-", "..+");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_deployment_goes_from_one_to_the_next),
                                        cmocka_unit_test(recreate_takes_all_at_once_and_pause_takes_none),
                                        cmocka_unit_test(a_set_is_made_in_order),
                                        cmocka_unit_test(a_set_is_scaled_down_from_the_highest),
                                        cmocka_unit_test(a_set_is_updated_from_the_highest) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
