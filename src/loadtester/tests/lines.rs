//! Command lines of hey.

use rstest::rstest;

use super::super::{
    hey,
    load::{End, Load},
};
use super::*;

fn read(text: &str) -> Load {
    hey::read(text).unwrap()
}

#[test]
fn the_usual_load_test_is_understood() {
    let load = read("hey -z 1m -q 10 -c 2 http://podinfo-canary.test:9898/");
    assert_eq!((load.end, load.rate, load.connections), (End::In(Duration::from_secs(60)), Some(10.0), 2));
    assert_eq!((load.url.as_str(), load.method), ("http://podinfo-canary.test:9898/", Method::GET));
    assert_eq!(
        (load.timeout.as_secs(), load.keep_alive, load.redirects, load.http2),
        (20, true, true, false)
    );
}

#[test]
fn what_is_left_out_is_as_with_hey() {
    let load = read("hey http://app.shop/");
    assert_eq!((load.end, load.rate, load.connections), (End::After(200), None, 50));
}

#[test]
fn everything_that_hey_sends_can_be_said() {
    let load = read(
        "/usr/local/bin/hey -n=30 -c 3 -t 5 -m POST -H 'Cookie: type=insider; a|b' -H \"X-Id:  7\" -T application/json \
         -host app.example.com -a user:word -d '{\"a\":1}' -disable-keepalive -disable-redirects -cpus 2 https://app.shop/token",
    );
    assert_eq!((load.end, load.connections, load.timeout.as_secs()), (End::After(30), 3, 5));
    assert_eq!((load.method.as_str(), &load.body[..], load.keep_alive), ("POST", &b"{\"a\":1}"[..], false));
    assert!(!load.redirects);
    for (name, value) in [
        ("cookie", "type=insider; a|b"),
        ("x-id", "7"),
        ("content-type", "application/json"),
        ("host", "app.example.com"),
        ("authorization", "Basic dXNlcjp3b3Jk"),
    ] {
        assert_eq!(load.headers[name], value);
    }
    assert!(read("hey -h2 -d -1 http://a/").http2);
}

#[rstest]
#[case::w_lt_1_another_program("bash -c id", "`bash` is no program")]
#[case::w_lt_1_a_pipe("hey http://a/ | tee /tmp/x", "`|` in cmd needs a shell")]
#[case::w_lt_1_two_commands("hey http://a/; id", "`http://a/;` in cmd needs a shell")]
#[case::w_lt_1_a_file("hey -D /etc/passwd http://a/", "unexpected argument '-D'")]
#[case::nothing("", "`` is no program")]
#[case::open("hey 'http://a/", "a quote is not closed")]
#[case::unknown("hey -x http://proxy/ http://a/", "unexpected argument '-x'")]
#[case::no_number("hey -n many http://a/", "invalid value 'many' for '-n")]
#[case::no_requests("hey -n 0 http://a/", "invalid value '0' for '-n")]
#[case::no_rate("hey -q inf http://a/", "-q is a number")]
#[case::no_time("hey -z 1minute http://a/", "invalid value '1minute' for '-z")]
#[case::time_of_nothing("hey -z 0s http://a/", "-z is a time")]
#[case::no_header("hey -H nonsense http://a/", "header `without a colon`")]
#[case::two_lines("hey -H 'A: b\nc' http://a/", "header `a` cannot be sent")]
#[case::no_address("hey -z 1m", "required arguments were not provided")]
#[case::two_addresses("hey http://a/ http://b/", "unexpected argument 'http://b/'")]
#[case::host_of_http2("hey -h2 -host b http://a/", "cannot be used with")]
fn what_is_not_understood_is_named(#[case] text: &str, #[case] expected: &str) {
    let error = hey::read(text).unwrap_err().to_string();
    assert!(error.contains(expected) && !error.contains('\n'), "{error}");
}
