/* What people who know kubectl or docker type, and Davit has another way for. */
#ifndef CLI_HABITS_H
#define CLI_HABITS_H

/* What to type instead, as words behind "unknown …: "; NULL: nothing is known of it. */
const char *habit_verb(const char *verb);
const char *habit_flag(const char *flag); /* without its dashes */

#endif
