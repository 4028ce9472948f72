#include "config.h"

#include "command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "davit/limits.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool add_words(struct json *args, const struct json *words, const char *what, struct error *err)
{
    if (json_size(words) > LIMIT_ARGS)
        return error_set(err, ERROR_INVALID, "%s has more than %d words", what, LIMIT_ARGS);
    JSON_EACH(word, words) {
        if (json_text(word) == NULL)
            return error_set(err, ERROR_INVALID, "%s holds a %s where only texts can be", what,
                             json_type_name(json_type(word)));
        json_add_text(args, json_text(word));
    }
    return true;
}

struct json *command_args(const struct json *container, const struct json *image, struct error *err)
{
    const struct json *command = json_get(container, "command"), *args = json_get(container, "args");
    bool has_command = json_size(command) > 0, has_args = json_size(args) > 0;
    struct json *out = json_new_array();
    bool good;

    if (has_command)
        good = add_words(out, command, "command", err) && add_words(out, args, "args", err);
    else
        good = add_words(out, json_get(image, "Entrypoint"), "the image's Entrypoint", err) &&
               add_words(out, has_args ? args : json_get(image, "Cmd"), has_args ? "args" : "the image's Cmd", err);
    if (good && json_size(out) > 0)
        return out;
    if (good)
        error_set(err, ERROR_INVALID, "no command specified: neither the container nor its image says what to run");
    json_free(out);
    return NULL;
}

struct environment {
    const char **pairs; /* borrowed, or made by mem_printf where `made` says so */
    bool *made;
    size_t count;
};

/* Takes `pair` when made. What has the same name is replaced in its place. */
static void set_pair(struct environment *environment, const char *pair, bool made)
{
    size_t name_len = strcspn(pair, "=") + 1, at = 0;

    while (at < environment->count && strncmp(environment->pairs[at], pair, name_len) != 0)
        at++;
    if (at == environment->count)
        environment->count++;
    else if (environment->made[at])
        free((char *)environment->pairs[at]);
    environment->pairs[at] = pair;
    environment->made[at] = made;
}

static bool set_image_env(struct environment *environment, const struct json *env, struct error *err)
{
    JSON_EACH(entry, env) {
        const char *pair = json_text(entry);

        if (pair == NULL || pair[0] == '=' || strchr(pair, '=') == NULL)
            return error_set(err, ERROR_INVALID, "the image's Env holds what is not NAME=VALUE");
        set_pair(environment, pair, false);
    }
    return true;
}

static bool set_container_env(struct environment *environment, const struct json *env, struct error *err)
{
    JSON_EACH(entry, env) {
        const char *name = json_get_text(entry, "name"), *value = json_get_text(entry, "value");

        if (name == NULL || name[0] == '\0' || strchr(name, '=') != NULL)
            return error_set(err, ERROR_INVALID, "env holds an entry without a usable name");
        set_pair(environment, mem_printf("%s=%s", name, value == NULL ? "" : value), true);
    }
    return true;
}

struct json *command_env(const struct json *container, const struct json *image, const char *hostname,
                         struct error *err)
{
    const struct json *image_env = json_get(image, "Env"), *env = json_get(container, "env");
    size_t most = json_size(image_env) + json_size(env) + 2;
    struct environment environment = {0};
    struct json *out = NULL;

    if (json_size(image_env) > LIMIT_ENV || json_size(env) > LIMIT_ENV) {
        error_set(err, ERROR_INVALID, "the environment has more than %d entries", LIMIT_ENV);
        return NULL;
    }
    environment.pairs = mem_array(most, sizeof(*environment.pairs));
    environment.made = mem_array(most, sizeof(*environment.made));
    set_pair(&environment, DEFAULT_PATH, false);
    set_pair(&environment, mem_printf("HOSTNAME=%s", hostname), true);
    if (set_image_env(&environment, image_env, err) && set_container_env(&environment, env, err)) {
        out = json_new_array();
        for (size_t i = 0; i < environment.count; i++)
            json_add_text(out, environment.pairs[i]);
    }
    for (size_t i = 0; i < environment.count; i++) {
        if (environment.made[i])
            free((char *)environment.pairs[i]);
    }
    free(environment.pairs);
    free(environment.made);
    return out;
}

const char *command_cwd(const struct json *container, const struct json *image)
{
    const char *own = json_get_text(container, "workingDir"), *from_image = json_get_text(image, "WorkingDir");

    if (own != NULL && own[0] != '\0')
        return own;
    return from_image != NULL && from_image[0] != '\0' ? from_image : "/";
}

/* "RTMIN", "RTMIN+3", "RTMAX-1". */
static int realtime_signal(const char *text)
{
    int base = text[3] == 'I' ? SIGRTMIN : SIGRTMAX;
    char *end;
    long offset;

    if (text[5] == '\0')
        return base;
    offset = strtol(text + 5, &end, 10);
    if ((text[5] != '+' && text[5] != '-') || end == text + 6 || *end != '\0')
        return 0;
    return offset >= SIGRTMIN - base && offset <= SIGRTMAX - base ? base + (int)offset : 0;
}

int command_signal(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end != text && *end == '\0')
        return number > 0 && number <= SIGRTMAX ? (int)number : 0;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    if (strncmp(text, "RTMIN", 5) == 0 || strncmp(text, "RTMAX", 5) == 0)
        return realtime_signal(text);
    for (int signal = 1; signal < SIGRTMIN; signal++) {
        const char *name = sigabbrev_np(signal);

        if (name != NULL && strcmp(name, text) == 0)
            return signal;
    }
    return 0;
}
