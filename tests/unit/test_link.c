/* The pure parts of davit-link: URLs, the back-off, OpenSSL's lines. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "link/backoff.h"
#include "link/options.h"
#include "link/proxy.h"
#include "link/reason.h"

static void url_free(struct link_options *options)
{
    free(options->uri);
    free(options->host);
    free(options->port);
    memset(options, 0, sizeof(*options));
}

static void expect_url(const char *url, const char *uri, const char *host, bool tls)
{
    struct link_options options = {0};
    struct error err = {0};

    assert_true(link_url_parse(url, &options, &err));
    assert_string_equal(options.uri, uri);
    assert_string_equal(options.host, host);
    assert_int_equal(options.tls, tls);
    url_free(&options);
}

static void url_gets_its_scheme_port_and_path(void **state)
{
    (void)state;
    expect_url("mqtt://broker", "tcp://broker:1883", "broker", false);
    expect_url("mqtt://broker:1884/", "tcp://broker:1884", "broker", false);
    expect_url("mqtts://broker.example", "ssl://broker.example:8883", "broker.example", true);
    expect_url("ws://broker", "ws://broker:80/mqtt", "broker", false);
    expect_url("wss://broker/", "wss://broker:443/mqtt", "broker", true);
    expect_url("wss://broker:9001/a/b", "wss://broker:9001/a/b", "broker", true);
    expect_url("mqtt://[::1]", "tcp://[::1]:1883", "::1", false);
    expect_url("mqtts://[fe80::1]:99", "ssl://[fe80::1]:99", "fe80::1", true);
}

static void wrong_urls_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",           "broker",           "http://broker",  "tcp://broker",    "mqtt://",
        "mqtt://:1",  "mqtt://a:0",       "mqtt://a:65536", "mqtt://a:b",      "mqtt://a:",
        "mqtt://[::", "mqtt://[::1]x",    "mqtt://a/path",  "mqtt://u:p@host", "mqtt://a b",
        "mqtt://a\n", "mqtt://a:1883000", "mqtt://[]",      "mqtts://a:-1",    "MQTT://a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct link_options options = {0};
        struct error err = {0};
        assert_false(link_url_parse(wrong[i], &options, &err));
        assert_int_equal(err.code, ERROR_INVALID);
        assert_true(err.message[0] != '\0');
        url_free(&options);
    }
}

static void wait_doubles_up_to_its_maximum(void **state)
{
    static const uint64_t ceilings[] = {1000, 2000, 4000, 8000, 10000, 10000};
    struct backoff backoff = {.min_ms = 1000, .max_ms = 10000};

    (void)state;
    for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++)
        assert_true(backoff_next(&backoff, 0, 0) <= ceilings[i]);
    assert_int_equal(backoff.ceiling_ms, 10000);
}

static void wait_is_spread_over_the_whole_range(void **state)
{
    uint64_t least = UINT64_MAX, most = 0;

    (void)state;
    for (int i = 0; i < 500; i++) {
        struct backoff backoff = {.min_ms = 1000, .max_ms = 10000};
        uint64_t wait = backoff_next(&backoff, 0, 0);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_true(least < 100);
    assert_true(most > 900);
}

static void only_a_connection_that_lived_makes_the_wait_short_again(void **state)
{
    struct backoff backoff = {.min_ms = 1000, .max_ms = 60000};

    (void)state;
    for (int i = 0; i < 5; i++)
        (void)backoff_next(&backoff, BACKOFF_GOOD_MS - 1, 0);
    assert_int_equal(backoff.ceiling_ms, 32000);
    assert_true(backoff_next(&backoff, BACKOFF_GOOD_MS, 0) <= 1000);
}

static void takeover_waits_long_and_longer(void **state)
{
    struct backoff backoff = {.min_ms = 1000, .max_ms = 120000};
    uint64_t floor_ms = BACKOFF_TAKEOVER_MS;

    (void)state;
    for (int i = 0; i < 4; i++, floor_ms *= 2) {
        uint64_t wait = backoff_next(&backoff, BACKOFF_GOOD_MS, REASON_TAKEN_OVER);
        assert_in_range(wait, floor_ms, floor_ms + floor_ms / 2);
    }
    assert_in_range(backoff_next(&backoff, BACKOFF_PEACE_MS, REASON_TAKEN_OVER), BACKOFF_TAKEOVER_MS,
                    BACKOFF_TAKEOVER_MS * 3 / 2);
}

static void expect_tls(const char *line, const char *reason)
{
    char out[64];

    reason_from_openssl(line, strlen(line), out, sizeof(out));
    assert_string_equal(out, reason);
}

static void openssl_line_gives_its_reason(void **state)
{
    (void)state;
    expect_tls("40A7:error:0A000086:SSL routines:tls_post_process:certificate verify failed:../ssl/x.c:1889:\n",
               "certificate verify failed");
    expect_tls("error:1:2:3:cut", "cut");
    expect_tls("error:1:2", "error:1:2");
    expect_tls("something else", "something else");
    expect_tls("", "");
}

static void old_refusals_become_new_ones(void **state)
{
    (void)state;
    assert_int_equal(reason_from_connack(1), REASON_UNSUPPORTED_VERSION);
    assert_int_equal(reason_from_connack(4), 134);
    assert_int_equal(reason_from_connack(5), 135);
    assert_int_equal(reason_from_connack(135), 135);
    assert_int_equal(reason_from_connack(-1), -1);
}

static void proxy_free(struct link_proxy *proxy)
{
    free(proxy->host);
    free(proxy->port);
}

static void proxy_is_spelled_for_paho_with_its_credentials(void **state)
{
    struct link_proxy proxy = {0};
    struct error err = {0};

    (void)state;
    assert_true(proxy_parse("http://proxy.plant:3128/", &proxy, &err));
    char *plain = proxy_for_paho(&proxy, false);
    assert_string_equal(plain, "http://proxy.plant:3128");
    free(plain);
    proxy.username = "us@er";
    proxy.password = "p:s/\xc3\xa4";
    proxy.password_len = strlen(proxy.password);
    char *full = proxy_for_paho(&proxy, true);
    assert_string_equal(full, "https://us%40er:p%3As%2F%C3%A4@proxy.plant:3128");
    free(full);
    char *request = proxy_request(&proxy, "broker", "8883");
    assert_non_null(strstr(request, "CONNECT broker:8883 HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nProxy-authorization: Basic dXNAZXI6cDpzL8Ok\r\n\r\n"));
    free(request);
    proxy_free(&proxy);
}

static void wrong_proxies_are_refused(void **state)
{
    static const char *const wrong[] = {"", "proxy", "proxy:3128", "https://proxy:3128", "http://", "http://u:p@proxy:1",
                                        "http://proxy:3128/path", "http://proxy:x", "socks5://proxy:1080"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct link_proxy proxy = {0};
        struct error err = {0};
        assert_false(proxy_parse(wrong[i], &proxy, &err));
        assert_int_equal(err.code, ERROR_INVALID);
        proxy_free(&proxy);
    }
}

static void some_hosts_go_without_the_proxy(void **state)
{
    static const char *const list[] = {"broker", ".plant", "10.0.0.5"};
    static const char *const all[] = {"*"};

    (void)state;
    assert_true(proxy_is_bypassed("Broker", list, 3));
    assert_true(proxy_is_bypassed("a.b.plant", list, 3));
    assert_true(proxy_is_bypassed("10.0.0.5", list, 3));
    assert_false(proxy_is_bypassed("plant", list, 3));
    assert_false(proxy_is_bypassed("xplant", list, 3));
    assert_false(proxy_is_bypassed("broker.example", list, 3));
    assert_false(proxy_is_bypassed("10.0.0.50", list, 3));
    assert_true(proxy_is_bypassed("anything", all, 1));
    assert_false(proxy_is_bypassed("anything", all, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_gets_its_scheme_port_and_path),
        cmocka_unit_test(wrong_urls_are_refused),
        cmocka_unit_test(wait_doubles_up_to_its_maximum),
        cmocka_unit_test(wait_is_spread_over_the_whole_range),
        cmocka_unit_test(only_a_connection_that_lived_makes_the_wait_short_again),
        cmocka_unit_test(takeover_waits_long_and_longer),
        cmocka_unit_test(openssl_line_gives_its_reason),
        cmocka_unit_test(proxy_is_spelled_for_paho_with_its_credentials),
        cmocka_unit_test(wrong_proxies_are_refused),
        cmocka_unit_test(some_hosts_go_without_the_proxy),
        cmocka_unit_test(old_refusals_become_new_ones),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
