/* Whether an image is there to start with: policy, what is known, and the time, row by row. */
#include "model/image_pull.h"
#include "unit.h"

#define NOW 1000000u

struct row {
    const char *what;
    struct image_need need;
    struct image_known known;
    enum image_state state;
    bool begin;
    bool stale;
    uint64_t wake_ms;
};

#define ALWAYS .policy = PULL_ALWAYS
#define ABSENT .policy = PULL_IF_NOT_PRESENT
#define NEVER .policy = PULL_NEVER
#define SINCE .since_ms = NOW - 1000

static const struct row rows[] = {
    { "never, absent", { NEVER, SINCE }, { 0 }, IMAGE_NEVER, false, false, 0 },
    { "never, here", { NEVER, SINCE }, { .present = true }, IMAGE_READY, false, false, 0 },
    { "here is enough", { ABSENT, SINCE }, { .present = true, .failed_ms = 5, .retry_ms = NOW + 5 }, IMAGE_READY, false,
      false, 0 },
    { "absent is pulled", { ABSENT, SINCE }, { 0 }, IMAGE_PULLING, true, false, 0 },
    { "one pull is enough", { ABSENT, SINCE }, { .pulling = true, .pulling_since_ms = 5 }, IMAGE_PULLING, false, false, 0 },
    { "a failed one waits", { ABSENT, SINCE }, { .failed_ms = NOW - 5, .retry_ms = NOW + 9995 }, IMAGE_BACKOFF, false,
      false, NOW + 9995 },
    { "and is tried again", { ABSENT, SINCE }, { .failed_ms = NOW - 10000, .retry_ms = NOW }, IMAGE_PULLING, true, false, 0 },
    { "always asks, though it is here", { ALWAYS, SINCE }, { .present = true }, IMAGE_PULLING, true, false,
      NOW + IMAGE_CHECK_MS },
    { "an answer from before the need does not count", { ALWAYS, SINCE }, { .present = true, .good_ms = NOW - 1001 },
      IMAGE_PULLING, true, false, NOW + IMAGE_CHECK_MS },
    { "an answer since the need does", { ALWAYS, SINCE }, { .present = true, .good_ms = NOW - 1000 }, IMAGE_READY, false,
      false, 0 },
    { "always, absent, is pulled", { ALWAYS, SINCE }, { 0 }, IMAGE_PULLING, true, false, 0 },
    { "always, absent, waits after a failure", { ALWAYS, SINCE }, { .failed_ms = NOW - 5, .retry_ms = NOW + 5 },
      IMAGE_BACKOFF, false, false, NOW + 5 },
    { "no registry in reach: what is here starts", { ALWAYS, SINCE },
      { .present = true, .failed_ms = NOW - 5, .retry_ms = NOW + 5 }, IMAGE_READY, false, true, 0 },
    { "out of reach a moment ago: nobody waits for it again", { ALWAYS, .since_ms = NOW },
      { .present = true, .failed_ms = NOW - 5000, .retry_ms = NOW + 5000 }, IMAGE_READY, false, true, 0 },
    { "out of reach long ago: asked again", { ALWAYS, .since_ms = NOW },
      { .present = true, .failed_ms = NOW - 50000, .retry_ms = NOW - 40000 }, IMAGE_PULLING, true, false,
      NOW + IMAGE_CHECK_MS },
    { "strict: as in Kubernetes", { ALWAYS, .strict = true, SINCE },
      { .present = true, .failed_ms = NOW - 5, .retry_ms = NOW + 5 }, IMAGE_BACKOFF, false, false, NOW + 5 },
    { "the registry said no: as in Kubernetes", { ALWAYS, SINCE },
      { .present = true, .failed_ms = NOW - 5, .retry_ms = NOW + 5, .answered = true }, IMAGE_BACKOFF, false, false, NOW + 5 },
    { "the registry said no, but it has run: a restart does not depend on it", { ALWAYS, .has_run = true, SINCE },
      { .present = true, .failed_ms = NOW - 5, .retry_ms = NOW + 5, .answered = true }, IMAGE_READY, false, true, 0 },
    { "no answer yet is waited for", { ALWAYS, .since_ms = NOW - 10 },
      { .present = true, .pulling = true, .pulling_since_ms = NOW - 10 }, IMAGE_PULLING, false, false,
      NOW - 10 + IMAGE_CHECK_MS },
    { "but not for long", { ALWAYS, .since_ms = NOW - IMAGE_CHECK_MS },
      { .present = true, .pulling = true, .pulling_since_ms = NOW - IMAGE_CHECK_MS }, IMAGE_READY, false, true, 0 },
    { "strict waits on", { ALWAYS, .strict = true, .since_ms = NOW - IMAGE_CHECK_MS },
      { .present = true, .pulling = true, .pulling_since_ms = NOW - IMAGE_CHECK_MS }, IMAGE_PULLING, false, false, 0 },
    { "a newer one that comes is waited for", { ALWAYS, .since_ms = NOW - IMAGE_CHECK_MS },
      { .present = true, .pulling = true, .fetching = true, .pulling_since_ms = NOW - IMAGE_CHECK_MS }, IMAGE_PULLING,
      false, false, 0 },
    { "by a restart it is not", { ALWAYS, .has_run = true, .since_ms = NOW - IMAGE_CHECK_MS },
      { .present = true, .pulling = true, .fetching = true, .pulling_since_ms = NOW - IMAGE_CHECK_MS }, IMAGE_READY, false,
      true, 0 },
};

static void decisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct image_verdict verdict = image_decide(&row->need, &row->known, NOW);
        if (verdict.state != row->state || verdict.begin != row->begin || verdict.stale != row->stale ||
            verdict.wake_ms != row->wake_ms)
            fail_msg("%s: state %d begin %d stale %d wake %llu", row->what, verdict.state, verdict.begin, verdict.stale,
                     (unsigned long long)verdict.wake_ms);
    }
}

static void the_back_off_is_kubernetes(void **state)
{
    (void)state;
    static const uint64_t ladder[] = { 10000, 10000, 20000, 40000, 80000, 160000, 300000, 300000 };
    for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
        assert_int_equal(image_backoff_ms(i), ladder[i]);
    assert_int_equal(image_backoff_ms(1000000), 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(decisions), cmocka_unit_test(the_back_off_is_kubernetes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
