//! What to change, in the terms of AWS's own pages.

use lambda_client::diagnose::{CredentialsReport, RegionSource, TlsProblem};

use crate::certificate::Certificate;

/// AWS SDKs and Tools Reference Guide, "Standardized credential providers".
pub(crate) const NO_CREDENTIALS: &str = "Give the database server an IAM role: an instance profile \
    on EC2, a task role on ECS, IRSA or Pod Identity on EKS. Elsewhere set AWS_ACCESS_KEY_ID and \
    AWS_SECRET_ACCESS_KEY, or a profile, in the environment of its process. In a container on EC2, \
    IMDSv2 needs a hop limit of 2 (HttpPutResponseHopLimit).";

pub(crate) const ENDPOINT: &str = "Correct AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL or \
    endpoint_url in the profile: http(s)://host[:port][/path].";

pub(crate) const PROXY: &str = "Correct HTTPS_PROXY (for https) or HTTP_PROXY (for http) in the \
    environment of the server: http://[user:password@]host:port. The proxy must allow CONNECT to \
    the endpoint's port. What must not go through it stands in NO_PROXY.";

/// RDS User Guide, "Invoking an AWS Lambda function", step 1 and its error messages.
pub(crate) const TCP: &str = "Make sure that the security group and the firewalls have an outbound \
    rule for TCP on port 443. A server in a private subnet needs a NAT gateway, a proxy, or a VPC \
    endpoint for Lambda whose security group lets the server in on port 443.";

pub(crate) const TLS: &str = "If nothing answered: a firewall, or an HTTPS_PROXY that is missing. \
    If certificates cannot be read: correct AWS_CA_BUNDLE, or install ca-certificates.";

pub(crate) const PLAIN: &str = "Payloads and answers travel readable to all between. Use https:// \
    but on this machine.";

pub(crate) const NO_DATE: &str = "Compare the clock with another: AWS refuses signatures that are \
    more than 5 minutes off.";

pub(crate) const SILENT: &str = "The connection opens and nothing answers in HTTP: look whether \
    the endpoint is the Lambda service, and at what stands between. A longer --timeout may help.";

/// re:Post, "Signature expired" of Lambda; EC2 User Guide, "Set the time".
pub(crate) const CLOCK: &str = "A request must reach AWS within 5 minutes of the time in its \
    signature. Set the clock and keep it by NTP: chrony, systemd-timesyncd, on EC2 the Amazon Time \
    Sync Service at 169.254.169.123.";

/// Lambda API Reference, Invoke, TooManyRequestsException.
pub(crate) const THROTTLED: &str = "The request throughput limit was exceeded: raise the \
    function's reserved concurrency or the account's, then check again.";

pub(crate) fn region(source: Option<&RegionSource>) -> String {
    match source {
        None | Some(RegionSource::InstanceMetadata | RegionSource::Given) => {
            "Pass the region in the call, set aws_lambda.region, or set AWS_REGION in the \
             environment of the server. Outside of EC2 also set AWS_EC2_METADATA_DISABLED=true."
                .to_owned()
        }
        Some(source) => format!("Correct {source}: a Region looks like us-east-1 or eu-central-1."),
    }
}

pub(crate) fn dns(is_proxy: bool) -> String {
    let what = match is_proxy {
        true => "Correct the name of the proxy",
        false => "Correct the Region or the endpoint",
    };
    format!(
        "{what}, or the resolver (/etc/resolv.conf). In a VPC, enable DNS support and DNS \
         hostnames; with a VPC endpoint also its private DNS, or name its own DNS name in \
         AWS_ENDPOINT_URL_LAMBDA."
    )
}

/// Credentials that have ended.
pub(crate) fn ended(credentials: &CredentialsReport) -> String {
    format!(
        "Renew them at their source, {}. One that refreshes by itself is down or not allowed to; \
         aws sso login and aws login are for people. A clock that is ahead looks the same.",
        credentials.source
    )
}

pub(crate) fn tls(
    problem: TlsProblem,
    certificate: &Certificate,
    trust: &str,
    host: &str,
) -> String {
    let Certificate { issuer, names, validity: (begin, end) } = certificate;
    match problem {
        TlsProblem::UnknownIssuer => format!(
            "The certificate is issued by {issuer}, who is not among {trust}. If it is a proxy \
             that inspects TLS or a service of your own, put its CA certificate into the PEM file \
             that AWS_CA_BUNDLE names, with all others that are needed; if it is Amazon, install \
             ca-certificates or unset AWS_CA_BUNDLE."
        ),
        TlsProblem::Expired => format!(
            "The certificate, issued by {issuer}, ended on {end}. Its owner must renew it; if that \
             day is to come, set this machine's clock."
        ),
        TlsProblem::NotValidYet => format!(
            "The certificate, issued by {issuer}, begins on {begin}. If that day has been, set \
             this machine's clock."
        ),
        TlsProblem::WrongName => format!(
            "The certificate is for {}, and not for {host}. Use one of its names in the endpoint; \
             for a VPC endpoint use its own DNS name, or enable its private DNS and set none.",
            if names.is_empty() { "no host".to_owned() } else { names.join(", ") }
        ),
        TlsProblem::NotTls => "What answers there does not speak TLS: correct the port, or begin \
             the endpoint with http:// if it is a local service."
            .to_owned(),
        TlsProblem::Closed => "The connection was ended in the handshake: look for a firewall \
             between, or for a proxy that HTTPS_PROXY should name."
            .to_owned(),
        TlsProblem::Other => TLS.to_owned(),
    }
}

/// What a refused dry run asks for. Codes: Lambda API Reference, Invoke, and "Common Errors".
pub(crate) fn refusal(
    status: u16,
    code: &str,
    message: &str,
    credentials: &CredentialsReport,
) -> String {
    let source = &credentials.source;
    match (status, code) {
        (_, "AccessDeniedException") => {
            "Attach to the role or user in the message an IAM policy with Effect Allow, Action \
             lambda:InvokeFunction, and as Resource the function's ARN; a call with a version or \
             alias needs the ARN with :* too. An explicit deny, a permissions boundary, a service \
             control policy or the policy of a VPC endpoint may also forbid it."
                .to_owned()
        }
        (_, "UnrecognizedClientException" | "InvalidClientTokenId") => format!(
            "AWS does not know the access key {}, from {source}: correct it, or make it active. A \
             temporary key needs AWS_SESSION_TOKEN too; a Region that the account must enable, and \
             another partition, know no others' keys.",
            credentials.access_key_id
        ),
        (_, "InvalidSignatureException" | "SignatureDoesNotMatch") => {
            if message.contains("expired") || message.contains("not yet current") {
                CLOCK.to_owned()
            } else {
                format!(
                    "The secret access key does not belong to the access key {}: correct it in \
                     {source}, without blanks or quotes around it.",
                    credentials.access_key_id
                )
            }
        }
        (_, code) if code.starts_with("ExpiredToken") => ended(credentials),
        (404, "ResourceNotFoundException") => {
            "Correct the function's name, its qualifier, the Region or the account in its ARN."
                .to_owned()
        }
        (407, _) => PROXY.to_owned(),
        (300..=399, _) => {
            "Redirects are never followed: set the endpoint to the final address.".to_owned()
        }
        (500.., _) => {
            "The failure is the service's, or of what stands before it; try again.".to_owned()
        }
        _ => "Look the code up in the Lambda API Reference, Invoke, Errors.".to_owned(),
    }
}
