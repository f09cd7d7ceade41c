//! The checks on the way to the endpoint.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime};

use lambda_client::diagnose::{Dialled, Entered, Greeting, Journey, Trust};
use lambda_core::Endpoint;

use crate::advice;
use crate::certificate::Certificate;
use crate::examination::{span, within};
use crate::report::{Finding, Report};

/// What [`walk`] checks, in this order; a `tunnel` comes before `tls` where there is a proxy.
pub(crate) const CHECKS: [&str; 5] = ["proxy", "dns", "tcp", "tls", "clock"];

/// How far a signature's time may be from the service's (re:Post, "Signature expired").
const SKEW_REFUSED: Duration = Duration::from_secs(300);

/// A clock that is kept by NTP is never that far off.
const SKEW_ODD: Duration = Duration::from_secs(60);

/// The name of the check that failed.
type Failed = &'static str;

/// Goes all the way, and tells of each step.
pub(crate) async fn walk(
    endpoint: &Endpoint,
    limit: Duration,
    report: &mut Report,
) -> Result<(), Failed> {
    let journey = proxy(endpoint, report)?;
    let mut way = Way { endpoint, journey, limit, report };
    let addresses = way.dns().await?;
    let dialled = way.tcp().await?;
    let entered = way.tunnel(dialled).await?;
    let entered = way.tls(entered, &addresses).await?;
    way.clock(entered).await
}

fn proxy<'a>(endpoint: &'a Endpoint, report: &mut Report) -> Result<Journey<'a>, Failed> {
    let journey = match Journey::to(endpoint) {
        Ok(journey) => journey,
        Err(error) => {
            report.add(Finding::failed("proxy", error.to_string(), advice::PROXY));
            return Err("proxy");
        }
    };
    let told = journey.proxy().map_or("none".to_owned(), |proxy| {
        let password = if proxy.has_password { ", with user name and password" } else { "" };
        format!("{}, from {}{password}", proxy.name, proxy.variable)
    });
    report.add(Finding::ok("proxy", told));
    Ok(journey)
}

struct Way<'a, 'r> {
    endpoint: &'a Endpoint,
    journey: Journey<'a>,
    limit: Duration,
    report: &'r mut Report,
}

impl Way<'_, '_> {
    async fn dns(&mut self) -> Result<Vec<IpAddr>, Failed> {
        let host = self.journey.peer().map(|(host, _port)| host).unwrap_or_default();
        if let Ok(address) = host.parse() {
            self.report.add(Finding::ok("dns", format!("{host} is an address")));
            return Ok(vec![address]);
        }
        match within(self.limit, self.journey.look_up()).await {
            Ok(addresses) => {
                let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let kind = kind_of(&addresses, &host);
                self.report.add(Finding::ok("dns", format!("{host}: {}{kind}", shown.join(", "))));
                Ok(addresses)
            }
            Err(problem) => {
                let change = advice::dns(self.journey.proxy().is_some());
                self.report.add(Finding::failed("dns", format!("{host}: {problem}"), change));
                Err("dns")
            }
        }
    }

    async fn tcp(&mut self) -> Result<Dialled, Failed> {
        let (host, port) = self.journey.peer().unwrap_or_default();
        let begin = Instant::now();
        match within(self.limit, self.journey.dial()).await {
            Ok(dialled) => {
                let took = begin.elapsed().as_secs_f64() * 1000.0;
                let told = format!("{} answered in {took:.1} ms", dialled.address);
                self.report.add(Finding::ok("tcp", told));
                Ok(dialled)
            }
            Err(problem) => {
                let told = format!("{host} port {port}: {problem}");
                self.report.add(Finding::failed("tcp", told, advice::TCP));
                Err("tcp")
            }
        }
    }

    async fn tunnel(&mut self, dialled: Dialled) -> Result<Entered, Failed> {
        match within(self.limit, self.journey.enter(dialled)).await {
            Ok(entered) => {
                if self.journey.proxy().is_some() && self.endpoint.https {
                    let told = format!("the proxy connects to {}", self.endpoint.authority());
                    self.report.add(Finding::ok("tunnel", told));
                }
                Ok(entered)
            }
            Err(problem) => {
                self.report.add(Finding::failed("tunnel", problem, advice::PROXY));
                Err("tunnel")
            }
        }
    }

    async fn tls(&mut self, entered: Entered, addresses: &[IpAddr]) -> Result<Entered, Failed> {
        if !self.endpoint.https {
            let is_here = self.journey.proxy().is_none()
                && addresses.iter().all(|address| address.to_canonical().is_loopback());
            let told = "not used: the endpoint begins with http://";
            self.report.add(match is_here {
                true => Finding::ok("tls", told),
                false => Finding::warning("tls", told, advice::PLAIN),
            });
            return Ok(entered);
        }
        let trust = match Trust::of_process() {
            Trust::Bundle(path) => format!("AWS_CA_BUNDLE {path}"),
            Trust::System => "the system's certificates".to_owned(),
        };
        let handshake = match within(self.limit, self.journey.secure(entered)).await {
            Ok(handshake) => handshake,
            Err(problem) => {
                self.report.add(Finding::failed("tls", problem, advice::TLS));
                return Err("tls");
            }
        };
        let certificate = handshake.certificate.as_deref().map(Certificate::read);
        let certificate = certificate.unwrap_or_default();
        match handshake.outcome {
            Ok((entered, version)) => {
                let issuer = &certificate.issuer;
                let told = format!("{version}, issued by {issuer}, trusted by {trust}");
                self.report.add(Finding::ok("tls", told));
                Ok(entered)
            }
            Err((problem, words)) => {
                let host = &self.endpoint.host;
                let change = advice::tls(problem, &certificate, &trust, host);
                self.report.add(Finding::failed("tls", words, change));
                Err("tls")
            }
        }
    }

    async fn clock(&mut self, entered: Entered) -> Result<(), Failed> {
        let sent = SystemTime::now();
        let greeting = within(self.limit, self.journey.greet(entered)).await;
        let ours = sent + sent.elapsed().unwrap_or_default() / 2;
        match greeting {
            // The service cuts its time down to the second.
            Ok(Greeting { date: Some(date), .. }) => {
                let finding = skew(ours, date + Duration::from_millis(500));
                self.report.add(finding);
                Ok(())
            }
            Ok(Greeting { date: None, status }) => {
                let told = format!("the endpoint (HTTP status {status}) does not tell the time");
                self.report.add(Finding::warning("clock", told, advice::NO_DATE));
                Ok(())
            }
            Err(problem) => {
                self.report.add(Finding::failed("clock", problem, advice::SILENT));
                Err("clock")
            }
        }
    }
}

/// How far our clock is from the service's. No reason not to go on: a dry run shows what becomes
/// of it.
fn skew(ours: SystemTime, theirs: SystemTime) -> Finding {
    let (off, way) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let told = format!("{} {way} the service's", span(off));
    if off >= SKEW_REFUSED {
        Finding::failed("clock", told, advice::CLOCK)
    } else if off >= SKEW_ODD {
        Finding::warning("clock", told, advice::CLOCK)
    } else if off < Duration::from_secs(2) {
        Finding::ok("clock", "the same as the service's")
    } else {
        Finding::ok("clock", told)
    }
}

/// What the addresses say about the network. AWS's own names have public addresses outside of a
/// VPC that has an endpoint with private DNS.
fn kind_of(addresses: &[IpAddr], host: &str) -> &'static str {
    let is_aws =
        [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|s| host.ends_with(s));
    if addresses.iter().all(is_private) {
        if is_aws { " (private: a VPC endpoint with private DNS)" } else { " (private)" }
    } else if addresses.iter().all(|address| address.to_canonical().is_loopback()) {
        " (this machine)"
    } else {
        " (public)"
    }
}

fn is_private(address: &IpAddr) -> bool {
    match address.to_canonical() {
        // 100.64.0.0/10 is shared address space, which VPCs may use too.
        IpAddr::V4(v4) => {
            v4.is_private() || (v4 & Ipv4Addr::new(255, 192, 0, 0)) == Ipv4Addr::new(100, 64, 0, 0)
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Status;

    fn kind(addresses: &[&str], host: &str) -> &'static str {
        let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        kind_of(&addresses, host)
    }

    /// Private DNS of a VPC endpoint shows in the addresses of AWS's own name.
    #[test]
    fn addresses_tell_the_network() {
        let aws = "lambda.us-east-1.amazonaws.com";
        let endpoint = " (private: a VPC endpoint with private DNS)";
        assert_eq!(kind(&["10.0.1.5", "172.16.0.9"], aws), endpoint);
        assert_eq!(kind(&["fd00:1::5"], "lambda.us-east-1.api.aws"), endpoint);
        assert_eq!(kind(&["100.64.3.1"], "lambda.corp.example"), " (private)");
        assert_eq!(kind(&["3.5.140.2", "10.0.0.1"], aws), " (public)");
        assert_eq!(kind(&["127.0.0.1", "::1"], "localhost"), " (this machine)");
    }

    /// AWS refuses at five minutes, in both directions.
    #[test]
    fn five_minutes_are_refused() {
        let now = SystemTime::now();
        for (seconds, status) in [
            (0, Status::Ok),
            (59, Status::Ok),
            (60, Status::Warning),
            (299, Status::Warning),
            (300, Status::Failed),
            (86_400, Status::Failed),
        ] {
            let off = Duration::from_secs(seconds);
            assert_eq!(skew(now, now + off).status, status, "{seconds} s behind");
            assert_eq!(skew(now + off, now).status, status, "{seconds} s ahead");
        }
    }
}
