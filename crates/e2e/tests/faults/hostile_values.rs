//! Whatever a caller passes is a clear error, and leads no request astray.

use e2e::{RawRequest, RawServer};

use crate::support::{Failure, Session, playground};

/// A server that answers `1` and records what it was asked.
pub fn recorder() -> RawServer {
    RawServer::start(|connection| {
        while connection.read_request()?.is_some() {
            connection.respond(200, &[], b"1")?;
        }
        Ok(())
    })
    .unwrap()
}

/// Calls with named arguments; NULL where the value is None.
fn call(session: &mut Session, arguments: [Option<&str>; 4]) -> Result<i32, Failure> {
    let [name, region, context, qualifier] = arguments;
    let row = session.client.query_one(
        "SELECT status_code FROM aws_lambda.invoke(function_name => $1::text, payload => '{}'::json,
             region => $2::text, context => $3::text::json, qualifier => $4::text)",
        &[&name, &region, &context, &qualifier],
    )?;
    Ok(row.get(0))
}

#[track_caller]
fn assert_refused(result: Result<i32, Failure>, argument: &str, value: &str) {
    let failure = result.expect_err(value);
    assert_eq!(failure.code, "22023", "{failure:?}");
    assert_eq!(failure.message, format!("invalid value for argument \"{argument}\""));
    assert!(failure.detail.len() < 400 && !failure.detail.contains(char::is_control));
    assert!(!failure.hint.is_empty(), "{failure:?}");
}

pub const REGIONS: [&str; 22] = [
    "",
    " ",
    "x.evil.example#",
    "x.evil.example/",
    "us-east-1@evil",
    "us-east-1.evil.example",
    "us-east-1#",
    "us-east-1?x=y",
    "us-east-1/..",
    "us-east-1:443",
    "US-EAST-1",
    "us-east-1\r\nHost: evil.example",
    "us-east-1\n",
    "us-east-1 ",
    "us-east-1\t",
    "us-east-\u{661}",
    "u\u{455}-east-1",
    "us-east-1\u{0085}",
    "us-east-11",
    "us--1",
    "%75s-east-1",
    "localhost",
];

/// A region that could change the host of the request is refused before anything is sent.
#[test]
fn hostile_regions_are_refused() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    for region in REGIONS {
        assert_refused(call(&mut session, [Some("f"), Some(region), None, None]), "region", region);
    }
    let long = "a".repeat(100_000);
    assert_refused(call(&mut session, [Some("f"), Some(&long), None, None]), "region", "long");
    assert!(server.requests().is_empty());
    session.assert_usable();
}

/// A region in an ARN goes through the same rule.
#[test]
fn hostile_regions_in_names_are_refused() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    for region in REGIONS {
        for name in [
            format!("arn:aws:lambda:{region}:000000000000:function:f"),
            format!("arn:aws.evil:lambda:{region}:000000000000:function:f"),
            format!("({region}evil,us-east-1,more)"),
        ] {
            assert_refused(
                call(&mut session, [Some(&name), None, None, None]),
                "function_name",
                &name,
            );
        }
    }
    // The text form of the composite type carries a region too.
    for region in ["x.evil.example#", "US-EAST-1", "us-east-1@evil", "us-east-1 "] {
        let name = format!("(f,{region})");
        assert_refused(call(&mut session, [Some(&name), None, None, None]), "region", &name);
        let sql =
            "SELECT aws_lambda.invoke(ROW('f', $1)::aws_commons._lambda_function_arn_1, '1'::json)";
        let error = session.client.query(sql, &[&region]).unwrap_err();
        assert_eq!(Failure::from(error).code, "22023");
    }
    assert!(server.requests().is_empty());
    session.assert_usable();
}

const NAMES: [&str; 24] = [
    "",
    " ",
    ".",
    "..",
    "a/b",
    "/etc/passwd",
    "../../2015-03-31/functions/g",
    "f/../g",
    "f%2f..%2fg",
    "f%",
    "f?Qualifier=1",
    "f#g",
    "f g",
    "f\r\nX-Amz-Invocation-Type: Event",
    "f\n",
    "f\t",
    "f\u{7f}",
    "f\u{0085}",
    "f:",
    ":f",
    "f:1:2",
    "f\\g",
    "f\u{fc}r",
    "\u{1f980}",
];

/// A name that could change the path of the request is refused before anything is sent.
#[test]
fn hostile_names_are_refused() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    for name in NAMES {
        assert_refused(call(&mut session, [Some(name), None, None, None]), "function_name", name);
    }
    let long = "a".repeat(10_000);
    assert_refused(call(&mut session, [Some(&long), None, None, None]), "function_name", "long");
    let failure = call(&mut session, [None, None, None, None]).unwrap_err();
    assert_eq!(failure.code, "22004", "{failure:?}");
    assert!(server.requests().is_empty());
    session.assert_usable();
}

/// A qualifier that could change the query of the request is refused before anything is sent.
#[test]
fn hostile_qualifiers_are_refused() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    let qualifiers =
        ["", " ", "1&x=y", "1#", "1 ", "1\r\nHost: evil", "%31", "1/..", "a+b", "\u{fc}", "a.b"];
    for value in qualifiers {
        assert_refused(
            call(&mut session, [Some("f"), None, None, Some(value)]),
            "qualifier",
            value,
        );
    }
    for length in [129, 10_000] {
        let long = "1".repeat(length);
        assert_refused(
            call(&mut session, [Some("f"), None, None, Some(&long)]),
            "qualifier",
            "long",
        );
    }
    assert!(server.requests().is_empty());
    session.assert_usable();
}

/// Text cannot hold a NUL: PostgreSQL refuses every way to make one.
#[test]
fn a_nul_never_arrives() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    for argument in ["E'f\\000'", "E'f\\x00'", "U&'f\\0000'", "'f' || chr(0)"] {
        let sql = format!("SELECT aws_lambda.invoke({argument}::text, '{{}}'::json)");
        session.client.query(&sql, &[]).unwrap_err();
    }
    let failure = call(&mut session, [Some("f\0"), None, None, None]).unwrap_err();
    assert_eq!(failure.code, "22021", "{failure:?}");
    assert!(server.requests().is_empty());
    session.assert_usable();
}

/// A context that is no JSON object, or too long for its header, is refused; any other arrives as
/// it was, in one header.
#[test]
fn a_hostile_context_stays_in_its_header() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    for context in ["1", "null", "[]", "\"{}\"", "  [{}]"] {
        assert_refused(
            call(&mut session, [Some("f"), None, Some(context), None]),
            "context",
            context,
        );
    }
    let long = format!("{{\"custom\": \"{}\"}}", "x".repeat(3000));
    assert_refused(call(&mut session, [Some("f"), None, Some(&long), None]), "context", "long");
    assert!(server.requests().is_empty());

    let context = "\r\n\t{\"custom\": {\"a\": \"\\u0000\\r\\nHost: evil\", \"\u{1f980}\":\n1.10}}";
    call(&mut session, [Some("f"), None, Some(context), None]).unwrap();
    let header = server.requests()[0].header("x-amz-client-context").unwrap();
    let sql = "SELECT convert_from(decode($1, 'base64'), 'UTF8')";
    let decoded: String = session.client.query_one(sql, &[&header]).unwrap().get(0);
    assert_eq!(decoded, context);
}

/// A payload is data: whatever is in it arrives byte for byte as the request's body.
#[test]
fn a_hostile_payload_stays_in_the_body() {
    let server = recorder();
    let mut session = Session::at(&server.url());
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let payloads = [
        "\"\\r\\n\\r\\nPOST / HTTP/1.1\\r\\nHost: evil\\r\\n\\r\\n\"",
        "\r\n\r\n0\r\n\r\n",
        "{\"a\": 1, \"a\": 2, \"\": 1e400, \"x\": \"\\u0000\\ud800\"}",
        "\"\u{feff}\u{202e}\u{1f980}\"",
        &deep,
    ];
    for payload in payloads {
        session.call("f", payload).unwrap();
        let request = server.requests().pop().unwrap();
        assert_eq!(String::from_utf8(request.body.clone()).unwrap(), payload);
        assert_well_formed(&request, server.address().port());
    }
    assert_eq!((server.connections(), server.requests().len()), (1, payloads.len()));
}

/// Asserts the one form that a request may have.
#[track_caller]
fn assert_well_formed(request: &RawRequest, port: u16) {
    let line = request.request_line();
    let path = line
        .strip_prefix("POST /2015-03-31/functions/")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1"))
        .unwrap_or_else(|| panic!("{line}"));
    let (name, rest) = path.split_once('/').unwrap();
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)), "{line}");
    let query = rest.strip_prefix("invocations").unwrap();
    assert!(query.is_empty() || query.starts_with("?Qualifier="), "{line}");
    assert!(!query.contains(['&', '#', '/']), "{line}");
    assert_eq!(request.header("host"), Some(format!("127.0.0.1:{port}")));
    let head = String::from_utf8(request.head.clone()).unwrap();
    let names: Vec<_> = head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names.iter().filter(|name| name.eq_ignore_ascii_case("host")).count(), 1);
}

/// Thousands of random names, regions and qualifiers: each is an argument's error or a well-formed
/// request to the endpoint, and the backend lives.
#[test]
fn random_values_lead_no_request_astray() {
    const CALLS: usize = 4000;
    let server = recorder();
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut random = Random(seed | 1);
    let mut session = Session::at(&server.url());
    let statement = session
        .client
        .prepare("SELECT status_code FROM aws_lambda.invoke($1::text, '{}'::json, $2::text, qualifier => $3::text)")
        .unwrap();
    let mut sent = 0;
    for _ in 0..CALLS {
        let name = random.text();
        let region = random.one_in(2).then(|| random.text());
        let qualifier = random.one_in(2).then(|| random.text());
        match session.client.query_one(&statement, &[&name, &region, &qualifier]) {
            Ok(row) => {
                assert_eq!(row.get::<_, i32>(0), 200);
                sent += 1;
            }
            Err(error) => {
                let failure = Failure::from(error);
                // 22004 for the text form of a composite whose name is NULL: `(,us-east-1)`.
                let is_ours = failure.code == "22023"
                    || (failure.code == "22004" && name.trim_ascii().starts_with("(,"));
                assert!(is_ours, "{name:?} {region:?} {qualifier:?} {failure:?}");
            }
        }
    }
    let requests = server.requests();
    assert_eq!(requests.len(), sent);
    assert!(sent > CALLS / 1000 && sent < CALLS / 2, "{sent}: too few or too many are good");
    for request in &requests {
        assert_well_formed(request, server.address().port());
    }
    assert_eq!(server.connections(), 1);
    assert!(playground().is_running());
    session.assert_usable();
}

/// Xorshift64: a test needs no better.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }

    /// Pieces that mean something to some parser, or random characters.
    fn text(&mut self) -> String {
        const PIECES: [&str; 30] = [
            "f",
            "a-b_c.D",
            "1",
            "$LATEST",
            ":",
            ":",
            "/",
            "..",
            "%2f",
            "?",
            "#",
            "@",
            "\r\n",
            " ",
            "&",
            "us-east-1",
            "eu-isoe-west-1",
            "arn:aws:lambda:",
            "000000000000",
            ":function:",
            "(",
            ",",
            ")",
            "\"",
            "\\",
            "Event",
            "evil.example",
            "\u{fc}",
            "\u{1f980}",
            "'",
        ];
        (0..=self.below(5))
            .map(|_| match self.below(4) {
                0 => char::from_u32(1 + self.below(0x2fff) as u32).unwrap_or('x').to_string(),
                _ => PIECES[self.below(PIECES.len())].to_owned(),
            })
            .collect()
    }
}
