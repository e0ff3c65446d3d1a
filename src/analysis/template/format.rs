//! Text forms as Go writes and reads them: escapes, quoting, numbers, `printf`.

use super::{Fault, MAX_RENDERED_BYTES, render::Value};

/// A text cut to what fits into a message.
pub(super) fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The character of an escape and how many bytes it takes; `rest` begins behind the backslash. Byte escapes above
/// ASCII are refused: our texts hold characters, not bytes.
pub(super) fn unescape(rest: &str) -> Option<(char, usize)> {
    let code = |from: usize, digits: usize, radix: u32| {
        let text = rest.get(from..from + digits)?;
        let whole = text.chars().all(|sign| sign.is_digit(radix)); // from_str_radix would take a sign too
        let sign = char::from_u32(u32::from_str_radix(text, radix).ok()?)?;
        whole.then_some((sign, from + digits))
    };
    let ascii = |found: Option<(char, usize)>| found.filter(|(sign, _)| sign.is_ascii());
    let plain = |sign: char| Some((sign, 1));
    match rest.chars().next()? {
        sign @ ('"' | '\\') => plain(sign),
        'a' => plain('\u{7}'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\u{b}'),
        'x' => ascii(code(1, 2, 16)),
        'u' => code(1, 4, 16),
        'U' => code(1, 8, 16),
        '0'..='7' => ascii(code(0, 3, 8)),
        _ => None,
    }
}

/// A text in double quotes as Go's `%q` writes it.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for sign in text.chars() {
        match sign {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            sign if sign.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(sign))),
            sign if sign.is_ascii() || sign.escape_debug().count() == 1 => quoted.push(sign),
            sign if u32::from(sign) < 0x1_0000 => quoted.push_str(&format!("\\u{:04x}", u32::from(sign))),
            sign => quoted.push_str(&format!("\\U{:08x}", u32::from(sign))),
        }
    }
    quoted.push('"');
    quoted
}

/// A float as Go's `%v` writes it: shortest, with an exponent below 1e-4 and from 1e21.
pub(super) fn float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    value.to_string()
}

/// A text as a regular expression for itself, written for the inside of a PromQL string in double quotes, where a
/// backslash is doubled.
pub(super) fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '"' => pattern.push_str("\\\""),
            '\\' => pattern.push_str(r"\\\\"),
            '\n' => pattern.push_str("\\n"),
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => {
                pattern.push_str(r"\\");
                pattern.push(sign);
            }
            sign => pattern.push(sign),
        }
    }
    pattern
}

/// Go's `printf` with `%s`, `%q`, `%v`, `%d`, `%t` and `%%`. Where Go would write `%!s(MISSING)` into the query, this
/// is an error.
pub(super) fn printf(format: &str, values: &[Value<'_>]) -> Result<String, Fault> {
    let bad = |reason: String| Fault::BadFormat { reason };
    let mut text = String::new();
    let mut values_left = values.iter();
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            text.push(sign);
        } else {
            let verb =
                signs.next().ok_or_else(|| bad("the text ends with a single %; write %%".to_owned()))?;
            if verb == '%' {
                text.push('%');
            } else if !matches!(verb, 's' | 'q' | 'v' | 'd' | 't') {
                return Err(bad(format!("%{verb} is not supported; use %s, %q, %v, %d or %t")));
            } else {
                let value = values_left
                    .next()
                    .ok_or_else(|| bad(format!("%{verb} has no value; give one for each %")))?;
                let form = match (verb, value) {
                    ('v', value) => value.print()?,
                    ('s', Value::Text(text)) => text.to_string(),
                    ('q', Value::Text(text)) => quote(text),
                    ('d', Value::Integer(number)) => number.to_string(),
                    ('t', Value::Bool(truth)) => truth.to_string(),
                    (verb, value) => {
                        return Err(bad(format!("%{verb} cannot show {}; use %v", value.describe())));
                    }
                };
                text.push_str(&form);
            }
        }
        if text.len() > MAX_RENDERED_BYTES {
            return Err(Fault::RenderedTooLong);
        }
    }
    match values_left.count() {
        0 => Ok(text),
        more => Err(bad(format!("{more} more values than % in the text; add a verb or drop the value"))),
    }
}
