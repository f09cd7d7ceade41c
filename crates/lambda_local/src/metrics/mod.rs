//! `/metrics`, for Prometheus: counts of the executions, and what there is at the moment.

mod counts;
mod gauges;

use std::fmt;

use http::{HeaderValue, StatusCode, header};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

pub(crate) use counts::Counts;

use crate::http_io::{Answer, complete};
use crate::service::Service;

/// The text form of OpenMetrics, which Prometheus reads since its version 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics as they are now.
pub(crate) fn answer(service: &Service) -> Answer {
    let mut answer = match encode(service) {
        Ok(text) => complete(StatusCode::OK, text),
        Err(error) => complete(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    answer
}

fn encode(service: &Service) -> Result<String, fmt::Error> {
    let mut own = Registry::with_prefix("sqlambda");
    service.invocations().counts().register(&mut own);
    gauges::register(&mut own, service);
    // These names are everybody's, and have no prefix.
    let mut process = Registry::default();
    gauges::register_process(&mut process, service);
    let mut text = String::new();
    encode_registry(&mut text, &own)?;
    encode_registry(&mut text, &process)?;
    encode_eof(&mut text)?;
    Ok(text)
}
