//! The types of the declarations against `include/dualpath.h`. A small reader of C says what each
//! declaration of the header is in Rust; sizes and offsets are the matter of `abi_test`.
use std::collections::BTreeMap;
use std::fs;

use super::{calls, numbers, structs};

/// Name and type of each field or argument, in order.
type Fields = Vec<(String, String)>;

/// The header without comments, lines of the preprocessor and what is experimental.
fn header() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../include/dualpath.h");
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (stable, _) = text.split_once("#if defined(DP_EXPERIMENTAL)").unwrap();
    let mut code = String::new();
    let mut rest = stable;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").unwrap().1;
    }
    code.push_str(rest);
    code.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// `const char *` as `*const c_char`.
fn type_of(c: &str) -> String {
    let pointers = c.matches('*').count();
    let words = c.replace('*', " ");
    let base = match words.split_whitespace().find(|word| *word != "const").unwrap() {
        "size_t" => "usize",
        "ptrdiff_t" => "isize",
        "int32_t" => "i32",
        "int64_t" => "i64",
        "uint8_t" => "u8",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        "float" => "f32",
        "double" => "f64",
        "int" => "c_int",
        "char" => "c_char",
        "void" => "c_void",
        callback @ ("dp_log_fn" | "dp_progress_fn") => return format!("Option<{callback}>"),
        other => other,
    };
    let is_const = words.split_whitespace().any(|word| word == "const");
    let innermost = if is_const && pointers > 0 { "*const " } else { "" };
    let outer = "*mut ".repeat(pointers - usize::from(!innermost.is_empty()));
    format!("{outer}{innermost}{base}")
}

/// `void` and what a function returns, as the end of its type.
fn result_of(c: &str) -> String {
    match type_of(c).as_str() {
        "c_void" => String::new(),
        other => format!(" -> {other}"),
    }
}

/// The parts between commas that stand in no brackets.
fn parts(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty() && *part != "void")
    .collect()
}

/// `char *name`, `float mean[3]` or `void (*run)(int32_t worker)`.
fn declared(c: &str) -> (String, String) {
    if let Some((result, rest)) = c.split_once("(*") {
        let (name, arguments) = rest.split_once(")(").unwrap();
        let arguments = function_arguments(arguments.strip_suffix(')').unwrap());
        let result = result_of(result);
        let function = format!("Option<unsafe extern \"C\" fn({arguments}){result}>");
        return (name.to_string(), function);
    }
    let (c, count) = match c.split_once('[') {
        Some((c, count)) => (c, count.strip_suffix(']')),
        None => (c, None),
    };
    let start = c.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap() + 1;
    let element = type_of(&c[..start]);
    let name = c[start..].to_string();
    (name, count.map_or(element.clone(), |count| format!("[{element}; {count}]")))
}

fn function_arguments(list: &str) -> String {
    let arguments = parts(list).into_iter().map(declared);
    arguments.map(|(name, kind)| format!("{name}: {kind}")).collect::<Vec<_>>().join(", ")
}

/// `int32_t width, height` as two fields.
fn fields(line: &str) -> Fields {
    let parts = parts(line);
    let first = match parts.first() {
        Some(first) => first,
        None => return Vec::new(),
    };
    let is_name = |letter: char| letter.is_alphanumeric() || "_[]".contains(letter);
    let kind = first.trim_end_matches(is_name);
    let others = parts[1..].iter().map(|name| declared(&format!("{kind}{name}")));
    std::iter::once(declared(first)).chain(others).collect()
}

/// What is between `begin` and `end`, wherever both are.
fn between<'t>(text: &'t str, begin: &'t str, end: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(begin).skip(1).map(move |rest| rest.split(end).next().unwrap())
}

fn structs_of(header: &str) -> BTreeMap<String, Fields> {
    let bodies = between(header, "typedef struct ", "\n}")
        .filter(|body| body.split_whitespace().nth(1) == Some("{"));
    bodies
        .map(|body| {
            let (name, lines) = body.split_once('{').unwrap();
            (name.trim().to_string(), lines.split(';').map(str::trim).flat_map(fields).collect())
        })
        .collect()
}

fn calls_of(header: &str) -> BTreeMap<String, (Fields, String)> {
    between(header, "\nDP_API ", ";")
        .map(|call| {
            let call = call.split_whitespace().collect::<Vec<_>>().join(" ");
            let (head, arguments) = call.split_once('(').unwrap();
            let start = head.rfind([' ', '*']).unwrap() + 1;
            let arguments = parts(arguments.strip_suffix(')').unwrap());
            let arguments = arguments.into_iter().map(declared).collect();
            (head[start..].to_string(), (arguments, result_of(&head[..start])))
        })
        .collect()
}

/// `NAME NUMBER` of each number of an enum, as `tests/abi/layout.c` prints them.
fn enum_numbers_of(header: &str) -> Vec<String> {
    let bodies = between(header, "typedef enum ", "}").map(|body| body.split_once('{').unwrap().1);
    let numbers = bodies.flat_map(|body| body.split(',')).map(str::trim);
    numbers.filter(|number| !number.is_empty()).map(|number| number.replace(" = ", " ")).collect()
}

/// What stringify!() makes of types, without line breaks and commas at an end.
fn owned(pairs: &[(&str, &str)]) -> Fields {
    let tidy = |kind: &str| {
        let words = kind.split_whitespace().collect::<Vec<_>>().join(" ");
        let joined = words.replace("( ", "(").replace("< ", "<");
        joined.replace(", )", ")").replace(", >", ">").replace(",)", ")").replace(",>", ">")
    };
    pairs.iter().map(|(name, kind)| (name.to_string(), tidy(kind))).collect()
}

#[test]
fn structs_have_the_types_of_the_header() {
    let expected = structs_of(&header());
    assert!(expected.len() > 15);
    let declared = structs::STRUCTS.iter();
    let declared: BTreeMap<_, _> =
        declared.map(|(name, fields)| (name.to_string(), owned(fields))).collect();
    assert_eq!(declared.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, fields) in expected {
        assert_eq!(declared[&name], fields, "{name}");
    }
}

#[test]
fn calls_have_the_types_of_the_header() {
    let expected = calls_of(&header());
    assert!(expected.len() > 70);
    let calls = calls::calls();
    assert_eq!(calls.len(), expected.len());
    for call in calls {
        let (arguments, result) = &expected[call.name];
        let declared = match call.result {
            "" => String::new(),
            result => format!(" -> {result}"),
        };
        assert_eq!((&owned(call.arguments), &declared), (arguments, result), "{}", call.name);
    }
}

#[test]
fn no_number_of_an_enum_is_missing() {
    let expected = enum_numbers_of(&header());
    assert!(expected.len() > 60);
    let declared = numbers::numbers_layout();
    for number in expected {
        assert!(declared.contains(&number), "{number}");
    }
}
