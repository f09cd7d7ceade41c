//! From SQL's arguments to a checked [`Invocation`].
//!
//! The overloads of `aws_lambda.invoke` differ only in how the function is named, and AWS's own
//! pages mix them up in ways that must work; this module is the one place that knows them.

use crate::composite;
use crate::error::ArgumentError;
use crate::invocation::{Invocation, InvocationType, LogType, encode_client_context};
use crate::name::{FunctionName, check_qualifier};
use crate::region::Region;

/// The arguments of the overload that takes an `aws_commons._lambda_function_arn_1`.
///
/// `None` is SQL NULL, which means the argument's default.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The name, partial ARN or ARN.
    pub function_name: Option<String>,
    /// The region given beside the name.
    pub region: Option<String>,
    /// JSON text in UTF-8.
    pub payload: Option<Vec<u8>>,
    /// `RequestResponse`, `Event` or `DryRun`.
    pub invocation_type: Option<String>,
    /// `None` or `Tail`.
    pub log_type: Option<String>,
    /// The client context's JSON text.
    pub context: Option<String>,
    /// The version or alias.
    pub qualifier: Option<String>,
}

impl Arguments {
    /// Checks every argument.
    ///
    /// Returns the invocation and the region that the caller asked for, from the argument or from
    /// the ARN; `None` leaves it to the settings and the AWS default chain.
    ///
    /// # Errors
    /// [`ArgumentError`], naming the argument and the rule it breaks.
    pub fn check(self) -> Result<(Invocation, Option<Region>), ArgumentError> {
        let name = self.function_name.ok_or(ArgumentError::null("function_name"))?;
        let function = FunctionName::parse(&name)?;
        let region = check_region(self.region.as_deref(), &function)?;
        check_qualifiers(self.qualifier.as_deref(), &function)?;
        let invocation = Invocation {
            invocation_type: read_invocation_type(self.invocation_type.as_deref())?,
            log_type: read_log_type(self.log_type.as_deref())?,
            client_context: self.context.as_deref().map(encode_client_context).transpose()?,
            payload: self.payload.unwrap_or_default(),
            qualifier: self.qualifier,
            function,
        };
        Ok((invocation, region))
    }
}

/// The arguments of the overload that takes a text, in its order.
#[derive(Clone, Debug, Default)]
pub struct TextArguments {
    /// The name, partial ARN or ARN, or the text form of a `_lambda_function_arn_1`.
    pub function_name: Option<String>,
    /// JSON text in UTF-8.
    pub payload: Option<Vec<u8>>,
    /// The region; or, in AWS's printed idiom, the invocation type.
    pub region: Option<String>,
    /// `RequestResponse`, `Event` or `DryRun`; in the idiom, the log type.
    pub invocation_type: Option<String>,
    /// `None` or `Tail`; in the idiom, the client context.
    pub log_type: Option<String>,
    /// The client context's JSON text.
    pub context: Option<String>,
    /// The version or alias.
    pub qualifier: Option<String>,
}

impl TextArguments {
    /// The arguments of a call with six untyped literals: those of the overload that takes a
    /// `_lambda_function_arn_1`, whose text form stands first. `rest` is invocation type, log
    /// type, context and qualifier, each as written.
    ///
    /// # Errors
    /// [`ArgumentError`] for a context that is not a JSON object.
    pub fn from_literals(
        function_name: Option<String>,
        payload: Option<Vec<u8>>,
        rest: [Option<String>; 4],
    ) -> Result<Arguments, ArgumentError> {
        let [invocation_type, log_type, context, qualifier] = rest;
        if let Some(text) = context.as_deref().filter(|text| !is_object(text)) {
            return Err(ArgumentError::invalid("context", text, "is not a JSON object"));
        }
        // Without a region there is nothing to shift: only the name is left to read.
        let name = Self { function_name, ..Self::default() }.resolve()?;
        Ok(Arguments { payload, invocation_type, log_type, context, qualifier, ..name })
    }

    /// Reads the idioms of AWS's pages: a name that is the text form of a
    /// `_lambda_function_arn_1`, and an invocation type in the region's place.
    ///
    /// # Errors
    /// [`ArgumentError`] when the composite's region and the argument differ, or when shifted
    /// arguments cannot be what they must be.
    pub fn resolve(self) -> Result<Arguments, ArgumentError> {
        let mut resolved = self.unshift()?;
        let fields = resolved.function_name.as_deref().and_then(composite::parse);
        if let Some((function_name, inner_region)) = fields {
            resolved.function_name = function_name;
            if let (Some(outer), Some(inner)) = (&resolved.region, &inner_region)
                && outer != inner
            {
                return Err(conflicting_region(outer, inner));
            }
            resolved.region = resolved.region.or(inner_region);
        }
        Ok(resolved)
    }

    /// `invoke(:'arn', payload, 'Event', ...)` reaches the text overload with every argument from
    /// the third on one place too early. An invocation type cannot be a region, so it is the sign.
    fn unshift(self) -> Result<Arguments, ArgumentError> {
        let shifted = self.region.as_deref().and_then(InvocationType::from_name).is_some();
        if !shifted {
            return Ok(Arguments {
                function_name: self.function_name,
                region: self.region,
                payload: self.payload,
                invocation_type: self.invocation_type,
                log_type: self.log_type,
                context: self.context,
                qualifier: self.qualifier,
            });
        }
        Ok(Arguments {
            function_name: self.function_name,
            region: None,
            payload: self.payload,
            invocation_type: self.region,
            // With three arguments this still holds invocation_type's default, no log type.
            log_type: self.invocation_type.filter(|text| text != "RequestResponse"),
            context: shifted_context(self.log_type, self.context)?,
            qualifier: self.qualifier,
        })
    }
}

/// The context of a shifted call: the fifth argument when it was given (then it stands where
/// `log_type`'s default `None` would), or `context` given by name.
fn shifted_context(
    fifth: Option<String>,
    named: Option<String>,
) -> Result<Option<String>, ArgumentError> {
    match (fifth.filter(|text| text != "None"), named) {
        (None, named) => Ok(named),
        (Some(fifth), None) if is_object(&fifth) => Ok(Some(fifth)),
        (Some(fifth), None) => {
            Err(ArgumentError::invalid("context", &fifth, "is not a JSON object")
                .with_hint(SHIFT_HINT))
        }
        (Some(fifth), Some(_)) => {
            Err(ArgumentError::invalid("context", &fifth, "was given twice").with_hint(SHIFT_HINT))
        }
    }
}

/// Whether a text that PostgreSQL has not checked is a JSON object.
fn is_object(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{')
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

const SHIFT_HINT: &str = "An invocation type in the third place means that the arguments are \
function_name, payload, invocation_type, log_type, context, qualifier.";

fn read_invocation_type(text: Option<&str>) -> Result<InvocationType, ArgumentError> {
    let Some(text) = text else { return Ok(InvocationType::default()) };
    InvocationType::from_name(text).ok_or_else(|| {
        ArgumentError::invalid("invocation_type", text, "is not an invocation type")
            .with_hint("Use 'RequestResponse', 'Event' or 'DryRun'; case matters.")
    })
}

fn read_log_type(text: Option<&str>) -> Result<LogType, ArgumentError> {
    let Some(text) = text else { return Ok(LogType::default()) };
    LogType::from_name(text).ok_or_else(|| {
        ArgumentError::invalid("log_type", text, "is not a log type")
            .with_hint("Use 'None' or 'Tail'; case matters.")
    })
}

fn check_region(
    argument: Option<&str>,
    function: &FunctionName,
) -> Result<Option<Region>, ArgumentError> {
    let Some(argument) = argument else { return Ok(function.region().cloned()) };
    let region: Region = argument.parse()?;
    match function.region() {
        Some(arn) if *arn != region => Err(conflicting_region(argument, arn.as_str())),
        _ => Ok(Some(region)),
    }
}

fn conflicting_region(argument: &str, name: &str) -> ArgumentError {
    ArgumentError::invalid(
        "region",
        argument,
        &format!("conflicts with the region \"{}\" in function_name", crate::text::cut(name, 64)),
    )
    .with_hint("Leave one of them out.")
}

fn check_qualifiers(argument: Option<&str>, function: &FunctionName) -> Result<(), ArgumentError> {
    let Some(argument) = argument else { return Ok(()) };
    check_qualifier(argument)?;
    match function.qualifier() {
        Some(named) if named != argument => Err(ArgumentError::invalid(
            "qualifier",
            argument,
            &format!("conflicts with the qualifier \"{named}\" in function_name"),
        )
        .with_hint("Leave one of them out.")),
        _ => Ok(()),
    }
}
