#include "config.h"

#include "link/publication.h"

#include <string.h>

#include "base/memory.h"
#include "link/client.h"

void publication_free(struct publication *publication)
{
    free(publication->topic);
    free(publication->payload);
    free(publication->correlation);
    free(publication);
}

void publication_answer(const struct publication *publication, struct up *up, int code, const char *reason)
{
    struct json *head = json_new_texts("op", "published", NULL);

    json_set_integer(head, "id", publication->id);
    json_set_boolean(head, "ok", reason == NULL);
    json_set_text(head, "reason", reason);
    if (code != 0)
        json_set_integer(head, "code", code);
    up_send(up, head);
}

size_t publication_packet_bytes(const struct publication *publication, int version)
{
    size_t rest = 2 + strlen(publication->topic) + publication->payload_len;
    size_t length_bytes = 1;

    rest += publication->qos > 0 ? 2 : 0;
    if (version == CLIENT_VERSION_5) {
        size_t properties = publication->correlation != NULL ? 3 + publication->correlation_len : 0;
        properties += publication->expiry_s >= 0 ? 5 : 0;
        rest += properties + (properties < 128 ? 1 : 4); /* the length before them: as long as it may be */
    }
    for (size_t left = rest; left >= 128; left /= 128)
        length_bytes++;
    return 1 + length_bytes + rest;
}

void publications_init(struct publications *list)
{
    list->first = NULL;
    list->last = &list->first;
    list->bytes = 0;
}

void publications_add(struct publications *list, struct publication *publication)
{
    publication->next = NULL;
    *list->last = publication;
    list->last = &publication->next;
    list->bytes += publication->payload_len;
}

struct publication *publications_take_first(struct publications *list)
{
    struct publication *publication = list->first;

    if (publication != NULL)
        publications_remove(list, publication);
    return publication;
}

void publications_remove(struct publications *list, struct publication *publication)
{
    for (struct publication **at = &list->first; *at != NULL; at = &(*at)->next) {
        if (*at != publication)
            continue;
        *at = publication->next;
        if (list->last == &publication->next)
            list->last = at;
        list->bytes -= publication->payload_len;
        publication->next = NULL;
        return;
    }
}
