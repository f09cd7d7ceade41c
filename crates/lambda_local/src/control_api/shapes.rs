//! The members that each request may have, with their limits: AWS's published model, 2015-03-31.
//!
//! `FunctionName`, `Qualifier` and the other members that travel in the path or the query are
//! checked where they are read.

use super::members::{Member, Rule, Shape};

use Rule::{Any, Pattern};
use Shape::{Blob, Flag, Integer, List, Map, Number, OneOf, Structure, Text};

/// The pattern of every ARN of a resource, or nothing.
const RESOURCE: Shape = Text(0, 10_000, Pattern(r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"));

const fn needs(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

const fn may(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

const TEXT: Shape = Text(0, usize::MAX, Any);
const DESCRIPTION: Member = may("Description", Text(0, 256, Any));
const REVISION: Member = may("RevisionId", TEXT);
const PUBLISH_TO: Member = may("PublishTo", OneOf(&["LATEST_PUBLISHED"]));
const KMS: Member = may("KMSKeyArn", RESOURCE);
const HANDLER: Member = may("Handler", Text(0, 128, Pattern(r"[^\s]+")));
const TIMEOUT: Member = may("Timeout", Integer(1, 900));
const MEMORY: Member = may("MemorySize", Integer(128, 10_240));
const ARCHITECTURES: Member = may("Architectures", List(1, 1, &OneOf(&["x86_64", "arm64"])));
const ROLE: Shape =
    Text(0, 10_000, Pattern(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"));
const VPC: Member = may(
    "VpcConfig",
    Structure(&[
        may("SubnetIds", List(0, 16, &Text(0, 1_024, Pattern("subnet-[0-9a-z]*")))),
        may("SecurityGroupIds", List(0, 5, &Text(0, 1_024, Pattern("sg-[0-9a-zA-Z]*")))),
        may("Ipv6AllowedForDualStack", Flag),
    ]),
);
const DEAD_LETTER: Member = may("DeadLetterConfig", Structure(&[may("TargetArn", RESOURCE)]));
const ENVIRONMENT: Member = may(
    "Environment",
    Structure(&[may(
        "Variables",
        Map(&Text(0, usize::MAX, Pattern("[a-zA-Z]([a-zA-Z0-9_])+")), &TEXT, true),
    )]),
);
const TRACING: Member =
    may("TracingConfig", Structure(&[may("Mode", OneOf(&["Active", "PassThrough"]))]));
const LAYERS: Member = may("Layers", List(0, usize::MAX, &Text(1, 2_048, Any)));
const STORAGE: Member = may("EphemeralStorage", Structure(&[needs("Size", Integer(512, 10_240))]));
const SNAP_START: Member =
    may("SnapStart", Structure(&[may("ApplyOn", OneOf(&["PublishedVersions", "None"]))]));
const LOGGING: Member = may(
    "LoggingConfig",
    Structure(&[
        may("LogFormat", OneOf(&["JSON", "Text"])),
        may("ApplicationLogLevel", OneOf(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"])),
        may("SystemLogLevel", OneOf(&["DEBUG", "INFO", "WARN"])),
        may("LogGroup", Text(1, 512, Pattern(r"[\.\-_/#A-Za-z0-9]+"))),
    ]),
);
const TAGS: Shape = Map(&Text(1, 128, Rule::Tag), &Text(0, 256, Rule::Tag), false);

const S3_BUCKET: Member = may("S3Bucket", Text(3, 63, Any));
const S3_KEY: Member = may("S3Key", Text(1, 1_024, Any));
const CODE: Member =
    needs("Code", Structure(&[may("ZipFile", Blob), S3_BUCKET, S3_KEY, may("ImageUri", TEXT)]));

pub(super) const CREATE_FUNCTION: &[Member] = &[
    needs("FunctionName", Text(1, 140, Any)),
    may("Runtime", TEXT),
    needs("Role", ROLE),
    HANDLER,
    CODE,
    DESCRIPTION,
    TIMEOUT,
    MEMORY,
    may("Publish", Flag),
    PUBLISH_TO,
    VPC,
    may("PackageType", OneOf(&["Zip", "Image"])),
    DEAD_LETTER,
    ENVIRONMENT,
    KMS,
    TRACING,
    may("Tags", TAGS),
    LAYERS,
    ARCHITECTURES,
    STORAGE,
    SNAP_START,
    LOGGING,
];

pub(super) const UPDATE_CODE: &[Member] = &[
    may("ZipFile", Blob),
    S3_BUCKET,
    S3_KEY,
    may("ImageUri", TEXT),
    ARCHITECTURES,
    may("Publish", Flag),
    PUBLISH_TO,
    may("DryRun", Flag),
    REVISION,
];

pub(super) const UPDATE_CONFIGURATION: &[Member] = &[
    may("Role", ROLE),
    HANDLER,
    DESCRIPTION,
    TIMEOUT,
    MEMORY,
    VPC,
    ENVIRONMENT,
    may("Runtime", TEXT),
    DEAD_LETTER,
    KMS,
    TRACING,
    REVISION,
    LAYERS,
    STORAGE,
    SNAP_START,
    LOGGING,
];

pub(super) const PUBLISH_VERSION: &[Member] =
    &[may("CodeSha256", TEXT), DESCRIPTION, REVISION, PUBLISH_TO];

/// The pattern of a version that an alias may point to.
const VERSION: Shape = Text(1, 1_024, Pattern(r"(\$LATEST(\.PUBLISHED)?|[0-9]+)"));
const ROUTING: Member = may(
    "RoutingConfig",
    Structure(&[may(
        "AdditionalVersionWeights",
        Map(&Text(1, 1_024, Pattern("[0-9]+")), &Number, false),
    )]),
);

pub(super) const CREATE_ALIAS: &[Member] = &[
    needs("Name", Text(1, 128, Rule::Alias)),
    needs("FunctionVersion", VERSION),
    DESCRIPTION,
    ROUTING,
];

pub(super) const UPDATE_ALIAS: &[Member] =
    &[may("FunctionVersion", VERSION), DESCRIPTION, ROUTING, REVISION];

pub(super) const TAG_RESOURCE: &[Member] = &[needs("Tags", TAGS)];

pub(super) const PUT_CONCURRENCY: &[Member] =
    &[needs("ReservedConcurrentExecutions", Integer(0, i64::MAX))];

/// The pattern of a destination, which may be empty.
const DESTINATION: Shape = Structure(&[may(
    "Destination",
    Text(
        0,
        350,
        Pattern(
            r"|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
        ),
    ),
)]);

pub(super) const EVENT_INVOKE: &[Member] = &[
    may("MaximumRetryAttempts", Integer(0, 2)),
    may("MaximumEventAgeInSeconds", Integer(60, 21_600)),
    may(
        "DestinationConfig",
        Structure(&[may("OnSuccess", DESTINATION), may("OnFailure", DESTINATION)]),
    ),
];

pub(super) const ADD_PERMISSION: &[Member] = &[
    needs("StatementId", Text(1, 100, Pattern("([a-zA-Z0-9-_]+)"))),
    needs("Action", Text(0, 10_000, Pattern("(lambda:[*]|lambda:[a-zA-Z]+|[*])"))),
    needs("Principal", Text(0, 2_048, Pattern(r"[^\s]+"))),
    may(
        "SourceArn",
        Text(
            0,
            10_000,
            Pattern(
                r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
            ),
        ),
    ),
    may("FunctionUrlAuthType", OneOf(&["NONE", "AWS_IAM"])),
    may("InvokedViaFunctionUrl", Flag),
    may("SourceAccount", Text(0, 12, Pattern(r"\d{12}"))),
    may("EventSourceToken", Text(0, 256, Pattern(r"[a-zA-Z0-9._\-]+"))),
    REVISION,
    may("PrincipalOrgID", Text(12, 34, Pattern("o-[a-z0-9]{10,32}"))),
];

/// Every request, for the test that reads the patterns.
#[cfg(test)]
pub(super) const ALL: [&[Member]; 10] = [
    CREATE_FUNCTION,
    UPDATE_CODE,
    UPDATE_CONFIGURATION,
    PUBLISH_VERSION,
    CREATE_ALIAS,
    UPDATE_ALIAS,
    TAG_RESOURCE,
    PUT_CONCURRENCY,
    EVENT_INVOKE,
    ADD_PERMISSION,
];

/// The identifiers of runtimes that AWS knows; not all can be run here.
pub(super) const RUNTIMES: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "nodejs26.x",
    "java8",
    "java8.al2",
    "java8.al2023",
    "java11",
    "java11.al2023",
    "java17",
    "java17.al2023",
    "java21",
    "java25",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.15",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "dotnet8",
    "dotnet10",
    "nodejs4.3-edge",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
    "provided",
    "provided.al2",
    "provided.al2023",
];
