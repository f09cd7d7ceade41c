//! The table of errors, each by its real cause: SQLSTATE, MESSAGE, DETAIL and HINT, word for word.
//! After each the same session makes a call that succeeds.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use e2e::{LocalService, RawServer, wait_until};
use nix::sys::socket::{Backlog, listen};

use crate::support::{Counter, Failure, Session, playground};

const CHECK: &str = " The function did not run. Check aws_lambda.endpoint_override, the Region, DNS, \
    the proxy if there is one, and that the network lets the database server out to this port.";
const CREDENTIALS: &str = "Check the credentials and the clock of the database server.";
const STILL_RUNNING: &str = "The function may still be running. Raise aws_lambda.request_timeout_ms, \
    or use the invocation type 'Event'.";

fn invoke(name: &str) -> String {
    format!("SELECT * FROM aws_lambda.invoke('{name}', '{{}}'::json)")
}

/// A server that refuses every request with `status`, `code` and `message`.
fn refusing(status: u16, code: &str, message: &str) -> RawServer {
    let body = format!("{{\"Type\": \"User\", \"message\": \"{message}\"}}");
    let kind = format!("x-amzn-ErrorType: {code}");
    let id = "x-amzn-RequestId: 00000000-0000-0000-0000-000000000000";
    RawServer::start(move |connection| {
        while connection.read_request()?.is_some() {
            connection.respond(status, &[&kind, id], body.as_bytes())?;
        }
        Ok(())
    })
    .unwrap()
}

/// A service of functions that are made for one test: each name's configuration and code.
fn service(folder: &Path, functions: &[(&str, &str, &str)]) -> LocalService {
    for (name, configuration, code) in functions {
        let function = folder.join(name);
        fs::create_dir(&function).unwrap();
        fs::write(function.join("function.json"), configuration).unwrap();
        fs::write(function.join("lambda_function.py"), code).unwrap();
    }
    playground().new_service(|config| config.folders(vec![folder.to_owned()])).unwrap()
}

/// A function that raises, takes too long, crashes, cannot be imported or answers too much or no
/// JSON: the function's own words, whole.
#[test]
fn failures_of_functions() {
    let code = playground().workspace().root.join("examples/functions/raises/lambda_function.py");
    let raised = format!(
        r#"{{"errorMessage": "this function always raises", "errorType": "ValueError", "requestId": "<id>", "stackTrace": ["  File \"{}\", line 5, in lambda_handler\n    raise ValueError(\"this function always raises\")\n"]}}"#,
        code.display()
    );
    let import = r#"{"errorMessage": "Unable to import module 'lambda_function': No module named 'a_module_that_is_not_installed'", "errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": []}"#;
    let of = |kind: &str, message: &str| {
        format!(r#"{{"errorType":"{kind}","errorMessage":"{message}"}}"#)
    };
    let exit = "RequestId: <id> Error: Runtime exited with error: ";
    let slow = of("Sandbox.Timedout", "RequestId: <id> Error: Task timed out after 1.00 seconds");
    let large = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    let own = "The function itself failed; its log says more.";
    let timeout = "The function ran into its own timeout, which is part of its configuration.";
    let mut session = Session::new();
    for (name, payload, advice) in [
        ("raises", raised, own),
        ("times-out", slow, timeout),
        ("exits", of("Runtime.ExitError", &format!("{exit}exit status 3")), own),
        ("dies-by-signal", of("Runtime.ExitError", &format!("{exit}signal: killed")), own),
        ("fails-to-import", import.to_owned(), own),
        ("returns-too-much", of("Function.ResponseSizeTooLarge", large), own),
    ] {
        let detail = format!("\"{name}\" returned error \"Unhandled\", details: \"{payload}\".");
        let hint = format!("{advice} Request id: <id>.");
        assert_eq!(session.fail(&invoke(name)), Failure::function(&detail, &hint));
        session.assert_usable();
    }
    let detail = "\"returns-not-json\" returned an answer that is not JSON: \"this is not JSON\".";
    let hint =
        "The function ran, but its answer must be JSON in UTF-8 of at most 6 MB. Request id: <id>.";
    assert_eq!(session.fail(&invoke("returns-not-json")), Failure::function(detail, hint));
    session.assert_usable();
    // Asynchronously, a function's failure is nobody's: the service has taken the event.
    let event = "SELECT status_code FROM aws_lambda.invoke('raises', '{}'::json, 'Event')";
    assert_eq!(session.text(event), "202");
}

/// The name in DETAIL is the one given, in each form; a payload that is not JSON is told too.
#[test]
fn the_function_is_named_as_it_was_given() {
    let mut session = Session::new();
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:exits";
    for name in ["exits", "000000000000:function:exits", arn, "exits:$LATEST"] {
        let text = session.fail(&invoke(name)).detail;
        assert!(text.starts_with(&format!("\"{name}\" returned error")), "{text}");
        let made = format!(
            "SELECT * FROM aws_lambda.invoke(aws_commons.create_lambda_function_arn('{name}'), '1'::jsonb)"
        );
        let text = session.fail(&made).detail;
        assert!(text.starts_with(&format!("\"{name}\" returned error")), "{text}");
    }
}

/// Nobody listens, the name does not exist, TLS fails, the connection does not come about in time.
#[test]
fn failures_to_connect() {
    let said = "Unable to connect to endpoint";
    let mut session = Session::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("http://127.0.0.1:{free}");
    session.go_to(&nobody);
    let failure = session.fail(&invoke("echo"));
    assert_eq!(
        (failure.code.as_str(), failure.detail),
        ("38000", format!("AWS Lambda client returned '{said}'."))
    );
    assert!(failure.hint.starts_with(&format!("{nobody}: Connection refused")), "{}", failure.hint);
    assert!(failure.hint.ends_with(CHECK), "{}", failure.hint);
    session.go_to("");
    session.assert_usable();

    let plain =
        RawServer::start(|connection| connection.write("HTTP/1.1 400 Not TLS\r\n\r\n")).unwrap();
    let secure = plain.url().replace("http:", "https:");
    for url in ["http://no-such-host.invalid", &secure] {
        session.go_to(url);
        let failure = session.fail(&invoke("echo"));
        let hint = failure.hint.clone();
        assert_eq!(failure, Failure::api(said, &hint));
        assert!(hint.starts_with(&format!("{url}: ")) && hint.ends_with(CHECK), "{hint}");
        session.go_to("");
        session.assert_usable();
    }

    // A listener that never accepts, whose queue is full.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let _queued: Vec<TcpStream> = std::iter::from_fn(connect).take(16).collect();
    session.go_to(&format!("http://{address}"));
    session.run("SET aws_lambda.connect_timeout_ms = 150; SET aws_lambda.max_attempts = 1");
    let hint = format!("http://{address}: no connection within 150 ms.{CHECK}");
    assert_eq!(session.fail(&invoke("echo")), Failure::api(said, &hint));
    session
        .run("SET aws_lambda.connect_timeout_ms = 60000; SET aws_lambda.request_timeout_ms = 150");
    let late = "The request was not sent. Raise aws_lambda.request_timeout_ms.";
    let expected = Failure::api("Request timed out after 150 ms", late);
    assert_eq!(session.fail(&invoke("echo")), expected);
    session.run("RESET ALL");
    session.assert_usable();
}

/// A function that is slower than the budget of the call, and a service that never answers or
/// hangs up.
#[test]
fn failures_to_answer() {
    let mut session = Session::new();
    // The first call of a session takes longest; this budget is for those that are sent.
    session.assert_usable();
    session.run("SET aws_lambda.request_timeout_ms = 1000");
    let sleeps = "SELECT * FROM aws_lambda.invoke('sleeps', '{\"seconds\": 5}'::json)";
    let expected = Failure::api("Request timed out after 1000 ms", STILL_RUNNING);
    assert_eq!(session.fail(sleeps), expected);
    let silent = RawServer::start(|connection| {
        while connection.read_request()?.is_some() {}
        Ok(())
    });
    let silent = silent.unwrap();
    session.go_to(&silent.url());
    assert_eq!(session.fail(&invoke("echo")), expected);
    // It may have run: it was not sent again.
    assert_eq!(silent.requests().len(), 1);
    session.run("RESET ALL");
    session.assert_usable();

    let rude = RawServer::start(|connection| connection.read_request().map(drop)).unwrap();
    session.go_to(&rude.url());
    let failure = session.fail(&invoke("echo"));
    let hint = failure.hint.clone();
    assert_eq!(failure, Failure::api("Connection closed before the response was complete", &hint));
    assert!(
        hint.ends_with("The function may have run: a request that was sent is not sent again."),
        "{hint}"
    );
    assert_eq!(rude.requests().len(), 1);
    session.run("RESET ALL");
    session.assert_usable();
}

/// What the local service refuses as the real one does: unknown names, versions, accounts.
#[test]
fn refusals_of_the_service() {
    let mut session = Session::new();
    let function = "arn:aws:lambda:us-east-1:000000000000:function:";
    let missing = "ResourceNotFoundException, HTTP status 404. Request id: <id>. Check the name, the qualifier and the Region.";
    for (name, full) in [
        ("nobody", "nobody:$LATEST"),
        ("echo:9", "echo:9"),
        ("my-function:nope", "my-function:nope"),
    ] {
        let said = format!("Function not found: {function}{full}");
        assert_eq!(session.fail(&invoke(name)), Failure::api(&said, missing));
        session.assert_usable();
    }
    let qualifier = "SELECT * FROM aws_lambda.invoke('echo', '1'::json, qualifier => '7')";
    let said = format!("Function not found: {function}echo:7");
    assert_eq!(session.fail(qualifier), Failure::api(&said, missing));
    let foreign = "arn:aws:lambda:us-east-1:111122223333:function:echo";
    let said = format!(
        "User: arn:aws:iam::000000000000:user/test is not authorized to perform: lambda:InvokeFunction \
         on resource: {foreign} because no resource-based policy allows the lambda:InvokeFunction action"
    );
    let hint = "AccessDeniedException, HTTP status 403. Request id: <id>. Allow the action \
        lambda:InvokeFunction on this function to the role of the database server.";
    assert_eq!(session.fail(&invoke(foreign)), Failure::api(&said, hint));
    session.assert_usable();
}

/// A function whose reserved concurrency is used up is 429; with more attempts the call gets its
/// turn as soon as there is room.
#[test]
fn a_throttled_function_is_429() {
    let folder = tempfile::tempdir().unwrap();
    let counter =
        playground().workspace().root.join("crates/e2e/functions/counter/lambda_function.py");
    let code = fs::read_to_string(counter).unwrap();
    let (none, one) = (
        "{ \"ReservedConcurrentExecutions\": 0 }",
        "{ \"ReservedConcurrentExecutions\": 1, \"Timeout\": 60 }",
    );
    let service = service(folder.path(), &[("never", none, &code), ("counter", one, &code)]);
    let hint = "TooManyRequestsException, HTTP status 429. Request id: <id>. The function did not run. \
        Raise its concurrency, or aws_lambda.max_attempts and aws_lambda.request_timeout_ms.";
    let throttled = Failure::api("Rate Exceeded.", hint);
    let mut session = Session::new();
    session.go_to(service.endpoint());
    session.run("SET aws_lambda.max_attempts = 2");
    assert_eq!(session.fail(&invoke("never")), throttled);

    let (counter, mut other) = (Counter::new(), Session::new());
    other.go_to(service.endpoint());
    let slow = format!("SELECT {}", counter.call(", 'sleep', 1.5"));
    let running = thread::spawn(move || other.text(&slow));
    wait_until("the function runs", || counter.runs() == 1);
    session.run("SET aws_lambda.max_attempts = 1");
    let call = format!("SELECT payload->>'count' FROM {}", counter.call(""));
    assert_eq!(session.fail(&call), throttled);
    session.run("SET aws_lambda.max_attempts = 10");
    assert_eq!(session.text(&call), "2");
    running.join().unwrap();
    session.run("RESET ALL");
    session.assert_usable();
}

/// A function's error payload is repeated whole up to 64 KB, which is more than any error text;
/// beyond, DETAIL says how long it was.
#[test]
fn a_huge_error_payload_is_cut() {
    let server = RawServer::start(|connection| {
        while let Some(request) = connection.read_request()? {
            let bytes: usize = String::from_utf8_lossy(&request.body).parse().unwrap();
            let payload = format!("\"{}\"", "é".repeat((bytes - 2) / 2));
            connection.respond(200, &["X-Amz-Function-Error: Unhandled"], payload.as_bytes())?;
        }
        Ok(())
    })
    .unwrap();
    let mut session = Session::new();
    session.go_to(&server.url());
    let mut detail = |bytes: usize| {
        session.fail(&format!("SELECT * FROM aws_lambda.invoke('f', '{bytes}'::json)")).detail
    };
    let told =
        |payload: &str| format!("\"f\" returned error \"Unhandled\", details: \"{payload}\".");
    let whole = told(&format!("\"{}\"", "é".repeat(32_767)));
    assert!(detail(65_536) == whole);
    // Cut between characters, not bytes.
    let cut = told(&format!("\"{}... (100000 bytes in all)", "é".repeat(32_767)));
    let long = detail(100_000);
    assert!(long == cut, "{} bytes, {}", long.len(), &long[long.len() - 60..]);
    session.go_to("");
    session.assert_usable();
}

/// Refusals that only the real service has: words, code and status are passed on, with the next
/// step.
#[test]
fn refusals_that_only_aws_has() {
    let denied = "User: arn:aws:sts::123456789012:assumed-role/rds/i-1 is not authorized to perform: \
        lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:f because \
        no identity-based policy allows the lambda:InvokeFunction action";
    let allow = "Allow the action lambda:InvokeFunction on this function to the role of the database server.";
    let expired =
        "The credentials of the database server have expired; renew them at their source.";
    let again = "The failure is the service's; try again.";
    let less = "Send less, or a reference to the data.";
    let too_large = "Request must be smaller than 6291456 bytes for the InvokeFunction operation";
    let mut session = Session::new();
    session.run("SET aws_lambda.max_attempts = 1");
    for (status, code, message, advice) in [
        (403, "AccessDeniedException", denied, allow),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier",
            CREDENTIALS,
        ),
        (
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
            expired,
        ),
        (413, "RequestEntityTooLargeException", too_large, less),
        (
            429,
            "TooManyRequestsException",
            "Rate exceeded",
            "The function did not run. Raise its concurrency, \
            or aws_lambda.max_attempts and aws_lambda.request_timeout_ms.",
        ),
        (500, "ServiceException", "An error occurred and the request cannot be processed.", again),
        (502, "EC2ThrottledException", "Lambda was throttled by EC2.", again),
        (503, "ServiceUnavailableException", "Service Unavailable", again),
        (
            400,
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
            "",
        ),
        (409, "ResourceConflictException", "The operation cannot be performed at this time.", ""),
        (
            307,
            "",
            "HTTP status 307 without a message",
            "Redirects are never followed: set the endpoint to the final address.",
        ),
    ] {
        let server = refusing(status, code, if status == 307 { "" } else { message });
        session.go_to(&server.url());
        let failure = session.fail(&invoke("f"));
        let code = if code.is_empty() { "No error code" } else { code };
        let hint = format!("{code}, HTTP status {status}. Request id: <id>. {advice}");
        assert_eq!(failure.hint.trim_end(), hint.trim_end());
        if status == 307 {
            assert_eq!(
                (failure.code.as_str(), failure.message.as_str()),
                ("38000", "invoke API failed")
            );
        } else {
            assert_eq!(failure, Failure::api(message, &failure.hint));
        }
        session.go_to("");
        session.assert_usable();
    }
}
