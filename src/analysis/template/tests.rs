//! What queries really use, each fault with its place, and the two promises: text without braces is untouched,
//! nothing panics.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn values() -> Variables {
    Variables {
        name: "shop".into(),
        namespace: "prod".into(),
        target: "shop.web".into(),
        service: "shop-api".into(),
        ingress: "shop-in".into(),
        route: "shop-route".into(),
        interval: "1m".into(),
        variables: [("code", "5.*"), ("zone", "eu"), ("my-key", "dashed"), ("empty", "")]
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
    }
}

fn rendered(source: &str) -> Result<String, String> {
    parse(source).and_then(|template| render(&template, &values())).map_err(|error| error.to_string())
}

#[rstest]
#[case::functions(
    "{{ name }}/{{namespace}}/{{ target }}/{{ service }}/{{ ingress }}/{{ route }}/{{ interval }}",
    "shop/prod/shop.web/shop-api/shop-in/shop-route/1m"
)]
#[case::query(
    r#"sum(rate(x{ns="{{ namespace }}",code!~"{{ variables.code }}"}[{{ interval }}]))"#,
    r#"sum(rate(x{ns="prod",code!~"5.*"}[1m]))"#
)]
#[case::group("{{ (variables).zone }}", "eu")]
#[case::key_with_a_dash(r#"{{ index variables "my-key" }}"#, "dashed")]
#[case::printf(r#"{{ printf "kube_%s__%s" namespace variables.zone }}"#, "kube_prod__eu")]
#[case::printf_verbs(
    r#"{{ printf "%q %v %v %v %d %t 100%%" namespace 1.5 true "a" 7 false }}"#,
    r#""prod" 1.5 true a 7 false 100%"#
)]
#[case::piped(r#"{{ namespace | printf "%s-%s" "a" | printf "%q" }}"#, r#""a-prod""#)]
#[case::piped_function("{{ target | literal }}", r"shop\\.web")]
#[case::literals(r#"{{ "a\t\"b\"\u00e9\x41\101" }}{{ `raw\n` }}{{ 12 }}{{ -3 }}{{ 2.50 }}{{ 1e21 }}{{ 0.00001 }}{{ true }}"#, "a\t\"b\"éAAraw\\n12-32.51e+211e-05true")]
#[case::braces_in_a_text(r#"{{ "}}" }}"#, "}}")]
#[case::if_taken(r#"{{ if eq namespace "prod" }}a{{ else }}b{{ end }}"#, "a")]
#[case::if_else(r#"{{ if ne namespace "prod" }}a{{ else }}b{{ end }}"#, "b")]
#[case::else_if(r#"{{ if eq name "x" }}1{{ else if eq name "y" "shop" }}2{{ else }}3{{ end }}"#, "2")]
#[case::no_branch("{{ if variables.empty }}x{{ end }}", "")]
#[case::logic(
    r#"{{ if and (eq name "shop") (not variables.empty) (or false variables.zone) }}x{{ end }}"#,
    "x"
)]
#[case::and_or_give_their_value(r#"{{ or variables.empty "fallback" }}{{ and name 0 }}"#, "fallback0")]
#[case::and_stops_early("{{ and variables.empty variables.missing }}", "")]
#[case::or_stops_early("{{ or name variables.missing }}", "shop")]
#[case::untaken_branch_may_miss("{{ if false }}{{ variables.missing }}{{ end }}", "")]
#[case::nested("{{ if name }}{{ if target }}a{{ end }}{{ if variables.empty }}b{{ end }}{{ end }}c", "ac")]
#[case::trimmed("a \n {{- name -}} \t b", "ashopb")]
#[case::trimmed_one_side("a {{- name }} b {{ name -}} c", "ashop b shopc")]
#[case::dash_without_space_is_a_number("a {{-3}}", "a -3")]
#[case::comment("a{{/* {{ not read }} */}}b", "ab")]
#[case::comment_trimmed("a {{- /* c */ -}} b", "ab")]
#[case::over_lines("{{ printf\n \"%s\"\n name }}", "shop")]
#[case::closing_braces_alone("a }} b { c } d", "a }} b { c } d")]
#[case::unicode("größe {{ name }} ✓", "größe shop ✓")]
fn renders_what_queries_use(#[case] source: &str, #[case] expected: &str) {
    assert_eq!(rendered(source).as_deref(), Ok(expected));
}

#[rstest]
#[case::missing_variable(
    "a\nb {{ variables.nope }}",
    "line 2, column 15: the variable 'nope' is not set; add it under templateVariables of the metric (set are: code, empty, my-key, zone)"
)]
#[case::missing_by_index(
    r#"{{ index variables "nope" }}"#,
    "line 1, column 4: the variable 'nope' is not set; add it under templateVariables of the metric (set are: code, empty, my-key, zone)"
)]
#[case::unknown_function(
    "{{ cluster }}",
    "line 1, column 4: there is no function 'cluster'; known are name, namespace, target, service, ingress, route, interval, variables, printf, index, eq, ne, and, or, not, literal"
)]
#[case::unclosed_action("é{{ name", "line 1, column 2: this '{{' is never closed; add '}}'")]
#[case::unclosed_text(r#"{{ "name }}"#, "line 1, column 4: this text is never closed; add '\"'")]
#[case::unclosed_raw_text("{{ `name }}", "line 1, column 4: this text is never closed; add '`'")]
#[case::unclosed_comment("{{/* name }}", "line 1, column 1: this comment is never closed; add '*/}}'")]
#[case::comment_with_more(
    "{{/* a */ name }}",
    "line 1, column 10: what follows the comment cannot stand here; expected '}}': a comment stands alone"
)]
#[case::unclosed_group("{{ not (eq name name }}", "line 1, column 8: this '(' is never closed; add ')'")]
#[case::unclosed_if("{{ if name }}a", "line 1, column 1: this {{ if }} is never closed; add {{ end }}")]
#[case::unclosed_else(
    "{{ if name }}a{{ else }}",
    "line 1, column 1: this {{ if }} is never closed; add {{ end }}"
)]
#[case::second_else(
    "{{ if name }}a{{ else }}b{{ else }}c{{ end }}",
    "line 1, column 26: 'else' cannot stand here; expected {{ end }}"
)]
#[case::end_alone("a{{ end }}", "line 1, column 2: 'end' cannot stand here; expected an {{ if }} before it")]
#[case::end_with_more(
    "{{ if name }}{{ end name }}",
    "line 1, column 21: 'name' cannot stand here; expected '}}'"
)]
#[case::empty_action("a {{ }}", "line 1, column 3: '}}' cannot stand here; expected a value")]
#[case::empty_if("{{ if }}{{ end }}", "line 1, column 1: '}}' cannot stand here; expected a value")]
#[case::empty_stage(
    "{{ name | }}",
    "line 1, column 1: '}}' cannot stand here; expected a function behind '|'"
)]
#[case::stage_without_function(
    r#"{{ name | "x" }}"#,
    "line 1, column 11: a text cannot stand here; expected a function behind '|'"
)]
#[case::argument_for_a_text(
    r#"{{ "a" name }}"#,
    "line 1, column 8: 'name' cannot stand here; expected '|' or '}}': only a function takes arguments"
)]
#[case::stray_parenthesis("{{ name ) }}", "line 1, column 9: ')' cannot stand here; expected '}}'")]
#[case::too_many_arguments("{{ target name }}", "line 1, column 4: 'target' takes no argument, not 1")]
#[case::too_few_arguments("{{ eq name }}", "line 1, column 4: 'eq' takes at least 2 arguments, not 1")]
#[case::function_as_argument("{{ printf \"%s\" not }}", "line 1, column 16: 'not' takes 1 argument, not 0")]
#[case::range(
    "{{ range variables }}{{ end }}",
    "line 1, column 1: 'range' is not supported; a query needs only values, printf and {{ if }}"
)]
#[case::data(
    "{{ .Name }}",
    "line 1, column 4: '.Name' without a value before it is not supported; there is no data; write variables.key or a function such as target"
)]
#[case::detached_key(
    "{{ variables .zone }}",
    "line 1, column 14: '.zone' without a value before it is not supported; there is no data; write variables.key or a function such as target"
)]
#[case::dot(
    "{{ . }}",
    "line 1, column 4: '.' is not supported; there is no data, only functions such as target"
)]
#[case::dollar("{{ $x := name }}", "line 1, column 4: '$' is not supported; use the values directly")]
#[case::dashed_key(
    "{{ variables.my-key }}",
    "line 1, column 16: '-' cannot stand here; expected a space; a key with a dash is read with index variables \"my-key\""
)]
#[case::key_of_a_text(
    "{{ name.first }}",
    "line 1, column 8: '.first' looks into the text \"shop\", which has no keys; only variables has them"
)]
#[case::key_of_a_key(
    "{{ variables.a.b }}",
    "line 1, column 15: '.b' looks into the text '.a', which has no keys; only variables has them"
)]
#[case::whole_map(
    "x {{ variables }}",
    "line 1, column 3: 'variables' holds many values; name one: {{ variables.key }}"
)]
#[case::bad_number("{{ 1x }}", "line 1, column 4: 1x is no valid number")]
#[case::bad_escape(r#"{{ "a\y" }}"#, "line 1, column 6: this backslash is no valid escape in a text")]
#[case::byte_escape(r#"{{ "\xff" }}"#, "line 1, column 5: this backslash is no valid escape in a text")]
#[case::strange_sign(
    "{{ name; }}",
    "line 1, column 8: ';' cannot stand here; expected a function, a text, a number, '|', '(' or '}}'"
)]
#[case::kinds_differ(
    r#"{{ eq 1 "1" }}"#,
    "line 1, column 4: 'eq' cannot use the text \"1\": both sides must be of one kind, such as two texts"
)]
#[case::printf_missing_value(
    r#"{{ printf "%s %s" name }}"#,
    "line 1, column 4: printf: %s has no value; give one for each %"
)]
#[case::printf_more_values(
    r#"{{ printf "%s" name name }}"#,
    "line 1, column 4: printf: 1 more values than % in the text; add a verb or drop the value"
)]
#[case::printf_wrong_verb(
    r#"{{ printf "%d" name }}"#,
    "line 1, column 4: printf: %d cannot show the text \"shop\"; use %v"
)]
#[case::printf_unknown_verb(
    r#"{{ printf "%x" name }}"#,
    "line 1, column 4: printf: %x is not supported; use %s, %q, %v, %d or %t"
)]
#[case::printf_half_verb(
    r#"{{ printf "50%" }}"#,
    "line 1, column 4: printf: the text ends with a single %; write %%"
)]
#[case::printf_without_text(
    "{{ printf 5 }}",
    "line 1, column 4: 'printf' cannot use the number 5: the first argument is the text with its %"
)]
fn faults_name_their_place_and_the_way_out(#[case] source: &str, #[case] expected: &str) {
    assert_eq!(rendered(source), Err(expected.to_owned()));
}

#[test]
fn a_missing_variable_is_told_also_when_none_are_set() {
    let error = render(&parse("{{ variables.a }}").unwrap(), &Variables::default()).unwrap_err();
    assert_eq!(error.fault, Fault::MissingVariable { key: "a".into(), known: vec![] });
    assert!(error.to_string().ends_with("(none are set)"));
}

#[test]
fn sizes_are_bounded() {
    let fault =
        |source: &str| parse(source).and_then(|template| render(&template, &values())).unwrap_err().fault;
    assert_eq!(fault(&"a".repeat(MAX_TEMPLATE_BYTES + 1)), Fault::TooLong);
    assert_eq!(fault(&format!("{}{}", "{{ if name }}".repeat(33), "{{ end }}".repeat(33))), Fault::TooDeep);
    assert_eq!(fault(&format!("{{{{ {}name{} }}}}", "(".repeat(33), ")".repeat(33))), Fault::TooDeep);
    let wide = Variables { variables: [("a".into(), "x".repeat(MAX_RENDERED_BYTES))].into(), ..values() };
    let wide = |source: &str| render(&parse(source).unwrap(), &wide).map_err(|error| error.fault);
    assert_eq!(wide("{{ variables.a }}").map(|text| text.len()), Ok(MAX_RENDERED_BYTES));
    assert_eq!(wide("{{ variables.a }}b"), Err(Fault::RenderedTooLong));
    assert_eq!(
        wide(r#"{{ printf "%s%s" variables.a variables.a | printf "%.0s" }}"#),
        Err(Fault::RenderedTooLong)
    );
}

#[test]
fn long_chains_of_branches_and_keys_do_not_deepen_the_stack() {
    let chain = format!("{{{{ if false }}}}{}{{{{ end }}}}", "{{ else if false }}x".repeat(800));
    assert_eq!(rendered(&chain).as_deref(), Ok(""));
    assert!(rendered(&format!("{{{{ variables{} }}}}", ".a".repeat(8000))).is_err());
}

proptest! {
    #[test]
    fn text_without_braces_is_unchanged(text in "[^{]{0,400}") {
        prop_assert_eq!(rendered(&text), Ok(text));
    }

    #[test]
    fn a_single_brace_is_text(text in "([^{]\\{?){0,100}") {
        prop_assume!(!text.contains("{{"));
        prop_assert_eq!(rendered(&text), Ok(text));
    }

    #[test]
    fn arbitrary_input_never_panics(text in "\\PC{0,200}") {
        let _ = rendered(&text);
    }

    #[test]
    fn arbitrary_actions_never_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{{-", "-}}", "/*", "*/", "if", "else", "end", "eq", "not", "printf", "variables", ".zone", "name", "\"%s\"", "\"", "`", "\\", "(", ")", "|", " ", "\n", "1", "-", ".", "é", "true", "%",
            ]),
            0..60,
        )
    ) {
        let _ = rendered(&parts.concat());
        let _ = rendered(&parts.join(" "));
    }

    #[test]
    fn quoted_text_reads_back_as_it_was(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}") {
        let quoted = format::quote(&text);
        let template = format!("{{{{ {quoted} }}}}");
        prop_assert_eq!(rendered(&template), Ok(text));
    }

    #[test]
    fn a_literal_matches_itself_alone(name in "[a-z0-9.-]{1,20}", other in "[a-z0-9.-]{1,20}") {
        // Inside a PromQL string two backslashes are one.
        let pattern = format!("^(?:{})$", format::literal(&name).replace(r"\\", r"\"));
        let pattern = regex::Regex::new(&pattern).unwrap();
        prop_assert!(pattern.is_match(&name));
        prop_assert_eq!(pattern.is_match(&other), name == other);
    }
}
