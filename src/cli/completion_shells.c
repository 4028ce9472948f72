/* The completions as the three shells read them. */
#include "config.h"

#include <string.h>

#include "cli/completion.h"

/* "--file|-f" with `between`, of the flags of one sort; each once. */
static void print_flags(FILE *out, bool (*is_meant)(const struct flag *flag), const char *between)
{
    const char *separator = "";
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (!is_meant(&FLAGS[i]) || (i > 0 && strcmp(FLAGS[i].name, FLAGS[i - 1].name) == 0))
            continue;
        (void)fprintf(out, "%s--%s", separator, FLAGS[i].name);
        separator = between;
        if (FLAGS[i].letter != 0)
            (void)fprintf(out, "%s-%c", separator, FLAGS[i].letter);
    }
}

/* Of one verb, "--node -n --namespace". */
static void print_verb_flags(FILE *out, const struct verb *verb)
{
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (!completion_has_flag(verb, &FLAGS[i]))
            continue;
        if (FLAGS[i].letter != 0)
            (void)fprintf(out, "-%c ", FLAGS[i].letter);
        (void)fprintf(out, "--%s ", FLAGS[i].name);
    }
}

static void print_cases(FILE *out, void (*print)(FILE *out, const struct verb *verb))
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(out, "            %s) words='", VERBS[i].name);
        print(out, &VERBS[i]);
        (void)fputs("' ;;\n", out);
    }
}

static void print_words(FILE *out, const struct verb *verb)
{
    (void)fputs(completion_for(verb), out);
}

/* ---- bash and zsh: one choice of words, in two dialects */

void completion_bash(FILE *out)
{
    (void)fputs("# bash completion for davit, made by `davit completion bash`.\n_davit()\n{\n"
                "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=\n"
                "    COMPREPLY=()\n    case $before in\n        ",
                out);
    print_flags(out, completion_flag_is_file, "|");
    (void)fputs("|import)\n            mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                "            compopt -o filenames 2>/dev/null\n            return ;;\n        -o|--output)\n            words='",
                out);
    (void)fprintf(out, "%s' ;;\n        --context|use-context|delete-context)\n            words=$(%s) ;;\n        ",
                  COMPLETION_OUTPUTS, COMPLETION_CONTEXTS);
    print_flags(out, completion_flag_has_value, "|");
    (void)fputs(")\n            return ;;\n    esac\n    if [ -n \"$words\" ]; then\n        :\n"
                "    elif [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='",
                out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        (void)fprintf(out, "%s ", VERBS[i].name);
    (void)fputs("--help'\n    elif [[ $word == -* ]]; then\n        case $verb in\n", out);
    print_cases(out, print_verb_flags);
    (void)fputs("        esac\n    elif [ \"$COMP_CWORD\" -eq 2 ]; then\n        case $verb in\n", out);
    print_cases(out, print_words);
    (void)fputs("        esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (completion_takes_files(&VERBS[i]))
            (void)fprintf(out,
                          "    if [[ $verb == %s && $COMP_CWORD -gt 1 && $word != -* ]]; then\n"
                          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                          "        compopt -o filenames 2>/dev/null\n    fi\n",
                          VERBS[i].name);
    (void)fputs("}\ncomplete -F _davit davit\n", out);
}

void completion_zsh(FILE *out)
{
    (void)fputs("#compdef davit\n# made by `davit completion zsh`\n_davit()\n{\n"
                "    local word=$words[CURRENT] before=$words[CURRENT-1] verb=$words[2] words\n    case $before in\n        ",
                out);
    print_flags(out, completion_flag_is_file, "|");
    (void)fprintf(out,
                  "|import)\n            _files\n            return ;;\n        -o|--output)\n            words='%s' ;;\n"
                  "        --context|use-context|delete-context)\n            words=$(%s) ;;\n        ",
                  COMPLETION_OUTPUTS, COMPLETION_CONTEXTS);
    print_flags(out, completion_flag_has_value, "|");
    (void)fputs(")\n            return ;;\n    esac\n    if [[ -n $words ]]; then\n        :\n    elif (( CURRENT == 2 )); then\n"
                "        local -a verbs=(\n",
                out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(out, "            %s:", VERBS[i].name);
        completion_quote(out, VERBS[i].summary, "'\\''");
        (void)fputc('\n', out);
    }
    (void)fputs("        )\n        _describe verb verbs\n        return\n    elif [[ $word == -* ]]; then\n        case $verb in\n",
                out);
    print_cases(out, print_verb_flags);
    (void)fputs("        esac\n    elif (( CURRENT == 3 )); then\n        case $verb in\n", out);
    print_cases(out, print_words);
    (void)fputs("        esac\n    fi\n    if [[ -n $words ]]; then\n        compadd -- ${=words}\n    else\n        _files\n    fi\n}\n"
                "if [[ $funcstack[1] == _davit ]]; then\n    _davit \"$@\"\nelse\n    compdef _davit davit\nfi\n",
                out);
}

/* ---- fish: a line for each verb and flag */

static void print_fish_flag(FILE *out, const struct verb *verb, const struct flag *flag)
{
    (void)fprintf(out, "complete -c davit -n '__fish_seen_subcommand_from %s' -l %s", verb->name, flag->name);
    if (flag->letter != 0)
        (void)fprintf(out, " -s %c", flag->letter);
    if (strcmp(flag->name, "context") == 0)
        (void)fprintf(out, " -x -a '(%s)'", COMPLETION_CONTEXTS);
    else if (strcmp(flag->name, "output") == 0)
        (void)fprintf(out, " -x -a '%s'", COMPLETION_OUTPUTS);
    else if (completion_flag_has_value(flag))
        (void)fputs(completion_flag_is_file(flag) ? " -r -F" : " -x", out);
    (void)fputs(" -d ", out);
    completion_quote(out, flag->help, "\\'");
    (void)fputc('\n', out);
}

void completion_fish(FILE *out)
{
    (void)fputs("# fish completion for davit, made by `davit completion fish`.\ncomplete -c davit -f\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct verb *verb = &VERBS[i];
        const char *words = completion_for(verb);
        (void)fprintf(out, "complete -c davit -n __fish_use_subcommand -a %s -d ", verb->name);
        completion_quote(out, verb->summary, "\\'");
        (void)fputc('\n', out);
        if (*words != '\0')
            (void)fprintf(out, "complete -c davit -n '__fish_seen_subcommand_from %s; and test (count (commandline -opc)) -eq 2' -a '%s'\n",
                          verb->name, words);
        if (completion_takes_files(verb))
            (void)fprintf(out, "complete -c davit -n '__fish_seen_subcommand_from %s' -F\n", verb->name);
        for (size_t j = 0; j < FLAG_COUNT; j++)
            if (completion_has_flag(verb, &FLAGS[j]))
                print_fish_flag(out, verb, &FLAGS[j]);
    }
}
