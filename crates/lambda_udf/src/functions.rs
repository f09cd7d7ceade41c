//! What each SQL function does with its arguments.

use std::sync::Arc;

use lambda_core::{Answer, ArgumentError, Arguments, InvokeError};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::abi::{UdfArgs, UdfInit};
use crate::arguments::{self, Row};
use crate::charset;
use crate::failure::Failure;
use crate::options::Options;
use crate::process;
use crate::server::Server;
use crate::settings::{self, Settings};

/// The SQL functions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Function {
    /// Aurora MySQL's synchronous call.
    LambdaSync,
    /// Aurora MySQL's asynchronous call.
    LambdaAsync,
    /// The blog's synchronous call.
    AwslambdaFn,
    /// The blog's asynchronous call.
    AwslambdaFnAsync,
    /// A call with options, answered with all that is known of it.
    LambdaInvoke,
}

impl Function {
    /// How it is called, and the names of its arguments.
    fn signature(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::LambdaSync => ("lambda_sync(function, payload)", &["function", "payload"]),
            Self::LambdaAsync => ("lambda_async(function, payload)", &["function", "payload"]),
            Self::AwslambdaFn => ("awslambda_fn(fn_name, fn_args)", &["fn_name", "fn_args"]),
            Self::AwslambdaFnAsync => {
                ("awslambda_fn_async(fn_name, fn_args)", &["fn_name", "fn_args"])
            }
            Self::LambdaInvoke => {
                ("lambda_invoke(function, payload, options)", &["function", "payload", "options"])
            }
        }
    }

    fn is_async(self) -> bool {
        matches!(self, Self::LambdaAsync | Self::AwslambdaFnAsync)
    }

    fn failure(self, error: &InvokeError) -> Failure {
        match self {
            Self::AwslambdaFn | Self::AwslambdaFnAsync => Failure::blog_call(error),
            _ => Failure::call(error),
        }
    }

    fn result(self, answer: Answer) -> Result<String, Failure> {
        match self {
            Self::LambdaInvoke => whole_answer(&answer),
            // Of an event there is no answer: an empty text, as in the blog.
            _ => Ok(answer.payload.unwrap_or_default()),
        }
    }
}

/// One function in one statement.
pub(crate) struct Statement {
    function: Function,
    server: &'static Server,
    settings: Arc<Settings>,
    /// The result of the last row: the server reads it until the next row or the statement's end.
    result: String,
}

impl Statement {
    /// Checks what can be checked before there is a row.
    ///
    /// # Errors
    /// Wrong arguments, settings that cannot be used, or a server that cannot be worked with.
    pub(crate) fn begin(
        function: Function,
        init: &mut UdfInit,
        args: &mut UdfArgs,
    ) -> Result<Self, Failure> {
        let server = Server::find().ok_or_else(|| {
            Failure::setup("this server exports no my_printf_error or thd_killed".to_owned())
        })?;
        let (signature, names) = function.signature();
        arguments::check(args, signature, names)?;
        let settings = settings::current()?;
        charset::use_utf8(init, args);
        Ok(Self { function, server, settings, result: String::new() })
    }

    /// Makes the call of one row.
    ///
    /// # Errors
    /// What is wrong with the arguments, the call's failure, or that the statement was killed.
    pub(crate) fn run(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        // The last row's may be 6 MB: not kept beside this one's.
        self.result = String::new();
        let (_, names) = self.function.signature();
        let options = match names.get(2) {
            Some(name) => Options::parse(row.text(2, name)?)?,
            None if self.function.is_async() => Options::event(),
            None => Options::default(),
        };
        let function_name = row.text(0, names[0])?;
        let arguments = Arguments {
            function_name: function_name.map(str::to_owned),
            payload: row.text(1, names[1])?.map(|json| payload(names[1], json)).transpose()?,
            region: options.region.clone(),
            invocation_type: options.invocation_type.clone(),
            log_type: options.log_type.clone(),
            context: options.context.as_ref().map(|context| context.get().to_owned()),
            qualifier: options.qualifier.clone(),
        };
        let (invocation, region) = arguments.check()?;
        let call_options = options.call_options(region, &self.settings)?;
        let answer = process::call(invocation, call_options, self.server.session())?
            .map_err(|error| self.function.failure(&error))?;
        self.result = self.function.result(answer)?;
        Ok(())
    }

    /// The result of the last row, valid until the next one.
    pub(crate) fn result(&self) -> &str {
        &self.result
    }
}

/// The payload as it is sent: the very text, once it is known to be JSON.
fn payload(name: &str, json: &str) -> Result<Vec<u8>, Failure> {
    match serde_json::from_str::<&RawValue>(json) {
        Ok(_) => Ok(json.as_bytes().to_vec()),
        Err(error) => {
            let rule = format!("is not JSON: {error}");
            Err(ArgumentError::invalid(name, json, &rule).into())
        }
    }
}

/// The names are those of `aws_lambda.invoke`'s columns.
#[derive(Serialize)]
struct WholeAnswer<'a> {
    status_code: u16,
    payload: Option<&'a RawValue>,
    executed_version: Option<&'a str>,
    log_result: Option<&'a str>,
}

fn whole_answer(answer: &Answer) -> Result<String, Failure> {
    let payload = answer.payload.as_deref().map(serde_json::from_str).transpose();
    let json = payload.and_then(|payload| {
        serde_json::to_string(&WholeAnswer {
            status_code: answer.status_code,
            payload,
            executed_version: answer.executed_version.as_deref(),
            log_result: answer.log_result.as_deref(),
        })
    });
    json.map_err(|error| Failure::setup(format!("The answer could not be written: {error}")))
}
