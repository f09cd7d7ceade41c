//! AWS SAM and CloudFormation templates: what is served, and what is refused where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by them")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::tools::aws;
use support::{Service, function};

/// A function that shows its surroundings.
const SHOWS: &str = "import os
def handler(event, context):
    return {'env': dict(os.environ), 'memory': context.memory_limit_in_mb,
            'arn': context.invoked_function_arn, 'left': context.get_remaining_time_in_millis()}
";

/// Most of what a project uses.
const SAM: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage:
    Type: String
    Default: dev
Globals:
  Function:
    Timeout: 7
    Runtime: python3.11
    Environment:
      Variables:
        SHARED: global
        STAGE: !Ref Stage
Resources:
  Shows:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub '${Stage}-shows'
      CodeUri: src/
      Handler: app.handler
      MemorySize: 256
      Description: shows
      Architectures: [arm64]
      AutoPublishAlias: live
      ReservedConcurrentExecutions: 5
      Layers: [!Ref Common, !Ref Later]
      Tags: {team: !Ref Stage}
      Environment:
        Variables:
          OTHER: !GetAtt Inline.Arn
          JOINED: !Join ['/', [!Ref 'AWS::Region', !Ref 'AWS::AccountId', !Ref Inline]]
          TABLE: !Ref Table
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig:
          OnFailure: {Type: Lambda, Destination: !GetAtt Inline.Arn}
          OnSuccess: {Type: SQS, Destination: !GetAtt Queue.Arn}
      Policies: [!Ref Table]
  Inline:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: 30
      Role: !GetAtt Role.Arn
      Code:
        ZipFile: |
          exports.handler = async () => 'inline';
      Tags: [{Key: a, Value: b}]
  Zipped:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ./zipped.zip, Handler: deep.app.handler}
  Common:
    Type: AWS::Serverless::LayerVersion
    Properties: {LayerName: common, ContentUri: layer}
  Later:
    Type: AWS::Lambda::LayerVersion
    Properties: {Content: later.zip}
  Table:
    Type: AWS::DynamoDB::Table
Outputs:
  Nothing: {Value: !If [A, b, c]}
";

fn zip(path: &Path, entries: &[(&str, &str)]) {
    let script = "import json, sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1], 'w') as file:\n    \
            [file.writestr(name, text) for name, text in json.loads(sys.argv[2])]\n";
    let entries = serde_json::to_string(entries).unwrap();
    let status = Command::new("python3").args(["-c", script]).arg(path).arg(entries).status();
    assert!(status.unwrap().success());
}

/// The project of the template above.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    function(root, "src", &[("app.py", SHOWS)]);
    function(
        root,
        "layer/python",
        &[("common.py", "NAME = 'common'\n"), ("both.py", "NAME = 'first'\n")],
    );
    function(root, "layer/bin", &[("bootstrap", "#!/bin/sh\necho from the layer\n")]);
    zip(&root.join("later.zip"), &[("python/both.py", "NAME = 'later'\n")]);
    zip(
        &root.join("zipped.zip"),
        &[("deep/app.py", "def handler(event, context): return 'zipped'\n")],
    );
    std::fs::write(root.join("template.yaml"), SAM).unwrap();
    folder
}

fn call(service: &Service, function: &str) -> Value {
    let answer = service.invoke(function, &[], b"{}");
    assert_eq!(answer.header("x-amz-function-error"), None, "{}", answer.text());
    answer.json()
}

#[test]
fn a_sam_project_is_served_as_its_template_says() {
    let folder = project();
    let options = ["--no-auth", "--region", "eu-west-1", "--env", "TABLE=from-outside"];
    let service = Service::start(&[folder.path().to_owned()], &options);
    let shown = call(&service, "dev-shows");
    let arn = "arn:aws:lambda:eu-west-1:000000000000:function";
    let env = &shown["env"];
    assert_eq!((&env["SHARED"], &env["STAGE"]), (&json!("global"), &json!("dev")));
    assert_eq!(env["OTHER"], format!("{arn}:Inline"));
    assert_eq!(env["JOINED"], "eu-west-1/000000000000/Inline");
    assert_eq!(env["TABLE"], "from-outside");
    assert_eq!(shown["memory"], "256");
    assert!(shown["left"].as_u64().unwrap() > 3_000, "the timeout is the global one: {shown}");
    assert_eq!(call(&service, "dev-shows:live")["arn"], format!("{arn}:dev-shows:live"));
    assert_eq!(call(&service, "Inline"), "inline");
    assert_eq!(call(&service, "Zipped"), "zipped");

    let log = service.log();
    for note in [
        "template.yaml:60: `Table` is not served: AWS::DynamoDB::Table",
        "function `Shows` is for arm64 and runs on ",
        "OnSuccess gets nothing: the template has no `Queue`",
    ] {
        assert!(log.contains(note), "{note}\n{log}");
    }
}

#[test]
fn the_api_shows_what_the_template_says() {
    let folder = project();
    let options = ["--env", "TABLE=x", "--parameter", "Stage=test"];
    let service = Service::start(&[folder.path().join("template.yaml")], &options);
    let script = "\
import boto3, json
client = boto3.client('lambda')
known = client.get_function(FunctionName='test-shows')
events = client.get_function_event_invoke_config(FunctionName='test-shows', Qualifier='live')
print(json.dumps([known['Configuration'], known['Tags'], known['Concurrency'], events], default=str))
";
    let shown: Value = serde_json::from_str(&aws(&service, "python", &["-c", script])).unwrap();
    let configuration = &shown[0];
    assert_eq!(configuration["Timeout"], 7);
    assert_eq!(configuration["Handler"], "app.handler");
    assert_eq!(configuration["Description"], "shows");
    let layer = "arn:aws:lambda:us-east-1:000000000000:layer";
    assert_eq!(configuration["Layers"][0]["Arn"], format!("{layer}:common:1"));
    assert_eq!(configuration["Layers"][1]["Arn"], format!("{layer}:Later:1"));
    assert!(configuration["Layers"][1]["CodeSize"].as_u64().unwrap() > 20);
    assert_eq!(shown[1], json!({"team": "test"}));
    assert_eq!(shown[2]["ReservedConcurrentExecutions"], 5);
    assert_eq!(shown[3]["MaximumRetryAttempts"], 1);
    let failure = "arn:aws:lambda:us-east-1:000000000000:function:Inline";
    assert_eq!(shown[3]["DestinationConfig"], json!({"OnFailure": {"Destination": failure}}));
    let tags =
        aws(&service, "aws", &["lambda", "list-tags", "--resource", failure, "--query", "Tags.a"]);
    assert_eq!(tags.trim(), "\"b\"");
}

/// As below `/opt`: a later layer lies over an earlier one, and a published version keeps its own.
#[test]
fn layers_are_found_as_the_runtimes_find_them() {
    let folder = project();
    let root = folder.path();
    let uses = "import subprocess, both, common
def handler(event, context):
    return [common.NAME, both.NAME, subprocess.getoutput('bootstrap')]
";
    function(root, "src", &[("app.py", uses)]);
    function(root, "layer/nodejs/node_modules/shared", &[("index.js", "exports.name = 'node';\n")]);
    let node = "  Node:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      InlineCode: exports.handler = async () => require('shared').name;
      Layers: [!Ref Common]
Outputs:
";
    std::fs::write(root.join("template.yaml"), SAM.replace("Outputs:\n", node)).unwrap();
    let service = Service::start(&[root.to_owned()], &["--no-auth", "--env", "TABLE=x"]);
    assert_eq!(call(&service, "dev-shows"), json!(["common", "later", "from the layer"]));
    assert_eq!(call(&service, "Node"), "node");
    let publish =
        ["lambda", "publish-version", "--function-name", "dev-shows", "--query", "Version"];
    assert_eq!(aws(&service, "aws", &publish).trim(), "\"1\"");
    assert_eq!(aws(&service, "aws", &publish).trim(), "\"1\"", "nothing has changed");
    std::fs::remove_dir_all(root.join("layer")).unwrap();
    assert_eq!(call(&service, "dev-shows:1"), json!(["common", "later", "from the layer"]));
}

#[test]
fn a_template_in_json_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let template = json!({"Resources": {"Hello": {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler",
            "InlineCode": "import os\ndef handler(event, context): return os.environ['ME']\n",
            "Environment": {"Variables": {"ME": {"Fn::Sub": ["${x}-${AWS::StackName}", {"x": {"Ref": "Hello"}}]}}},
        },
    }}});
    let text = serde_json::to_string_pretty(&template).unwrap();
    std::fs::write(folder.path().join("template.json"), text).unwrap();
    let service = Service::open(&[folder.path().to_owned()]);
    assert_eq!(call(&service, "Hello"), "Hello-local");
}

/// What `sqlambda local` says to a template with these properties of its one function, or all of it.
fn refused(template: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.py"), "").unwrap();
    std::fs::write(folder.path().join("template.yaml"), template).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sqlambda"))
        .args(["local", "--ephemeral", "--prepare"])
        .args(arguments)
        .arg("template.yaml")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    said
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let head = "Parameters: {Given: {Type: String}}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n";
    // Each is line 6 of the template, after these five; the rest of the function is right.
    let rest = "      Runtime: python3.11\n      Handler: app.handler\n";
    for (line, wanted) in [
        ("Timeout: 901", "6: `901` is not a Timeout of 1 to 900 seconds"),
        (
            "MemorySize: !Ref Given",
            "6: parameter Given has no Default; give it one with --parameter",
        ),
        ("CodeUri: nowhere/", "6: the code nowhere/: No such file"),
        ("CodeUri: s3://bucket/key", "6: the code is in S3"),
        ("CodeUri: app.py", "6: the code app.py must be a folder or a .zip file"),
        (
            "Layers: ['arn:aws:lambda:us-east-1:1:layer:x:1']",
            "6: the layer arn:aws:lambda:us-east-1:1:layer:x:1 is not here",
        ),
        ("FunctionName: a b", "6: FunctionName `a b` must be"),
        ("AutoPublishAlias: '7'", "6: alias `7` must be"),
        ("Description: !If [A, b, c]", "6: Fn::If: sqlambda local knows no conditions"),
        ("PackageType: Image", "6: function `F` is a container image"),
        ("Environment: {Variables: {AWS_REGION: x}}", "6: variable `AWS_REGION` is reserved"),
        ("Environment: {Variables: {TABLE: !Ref Other}}", "6: the template has no `Other`"),
        ("Description: [a", "not YAML"),
    ] {
        let said = refused(&format!("{head}      {line}\n{rest}"), &[]);
        assert!(said.contains("sqlambda: template.yaml:"), "{said}");
        assert!(said.contains(wanted), "{line}: {said}");
    }
    let said = refused(&format!("{head}{}", rest.replace("python3.11", "ruby3.4")), &[]);
    assert!(said.contains("template.yaml:6: runtime `ruby3.4` is not one of"), "{said}");
    let said = refused(&format!("{head}{}", rest.replace("Handler", "Handlr")), &[]);
    assert!(
        said.contains("template.yaml:7: function `F`: the property Handlr is not known"),
        "{said}"
    );
    assert!(said.contains("template.yaml:3: function `F` has no Handler"), "{said}");
    let condition = format!("{head}{rest}    Condition: A\n");
    assert!(refused(&condition, &[]).contains("template.yaml:8: function `F` has a Condition"));
    assert!(refused("Outputs: {}\n", &[]).contains("template.yaml:1: a template has Resources"));
    let said = refused(&format!("{head}{rest}"), &["--parameter", "Other=1"]);
    assert!(said.contains("no template has a parameter `Other`"), "{said}");
}

#[test]
fn a_missing_handler_is_told_before_serving_and_the_others_are_served() {
    let folder = project();
    let root: PathBuf = folder.path().to_owned();
    std::fs::write(
        root.join("template.yaml"),
        SAM.replace("Handler: app.handler", "Handler: ap.handler"),
    )
    .unwrap();
    let service = Service::start(std::slice::from_ref(&root), &["--no-auth", "--env", "TABLE=x"]);
    let wanted = "template.yaml:21: the handler `ap.handler` needs ap.py, which is not in ";
    assert!(service.log().contains(wanted), "{}", service.log());
    assert_eq!(call(&service, "Zipped"), "zipped");
    let answer = service.invoke("dev-shows", &[], b"{}").json();
    assert_eq!(answer["errorType"], "Runtime.ImportModuleError");
}
