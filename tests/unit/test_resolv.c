/* dnsConfig over a resolv.conf, as the kubelet merges them. */
#include <string.h>

#include "base/memory.h"
#include "base/resolv.h"
#include "unit.h"

static void merged_is(const char *text, const char *dns_text, const char *wanted)
{
    struct error err;
    AUTO_JSON struct json *dns = dns_text != NULL ? json_parse(dns_text, strlen(dns_text), &err) : NULL;
    AUTO_FREE char *merged = resolv_merge(text, dns);
    assert_string_equal(merged, wanted);
}

static void a_pods_words_are_put_over_the_file(void **state)
{
    (void)state;
    merged_is("nameserver 10.0.0.1\noptions ndots:5\nsearch a.b c.d\n", NULL,
              "search a.b c.d\nnameserver 10.0.0.1\noptions ndots:5\n");
    merged_is("search a.b\nnameserver 10.0.0.1\noptions ndots:5 rotate\n",
              "{\"nameservers\":[\"192.0.2.1\",\"10.0.0.1\"],\"searches\":[\"a.b\",\"my.dns\"],"
              "\"options\":[{\"name\":\"ndots\",\"value\":\"2\"},{\"name\":\"edns0\",\"value\":\"\"}]}",
              "search a.b my.dns\nnameserver 10.0.0.1\nnameserver 192.0.2.1\noptions ndots:2 rotate edns0\n");
    merged_is("", "{\"nameservers\":[\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\"]}",
              "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n");
    merged_is("", NULL, "");
}

static void a_hosts_file_is_read_as_libc_reads_it(void **state)
{
    (void)state;
    merged_is("# generated\n; too\nnameserver 10.0.0.1 # the first\nsearch old\nsearch new.one\t two\r\nsortlist 1.2.3.4\n", "{}",
              "search new.one two\nnameserver 10.0.0.1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_pods_words_are_put_over_the_file),
                                        cmocka_unit_test(a_hosts_file_is_read_as_libc_reads_it) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
