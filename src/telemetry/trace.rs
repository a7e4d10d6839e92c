//! Distributed tracing: carries W3C Trace Context across processes, and exports spans by OTLP to the collector that the
//! setting `otlp_endpoint` names.
//!
//! # Invariants
//!
//! A header that does not follow the specification is ignored. A slow, faulty or absent collector costs spans, never
//! work, and delays the end of the process by a few seconds at most.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{Request, Response};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::base::error::{Context as _, Error, Kind, Result};
use crate::io::http::{GuardedClient, Reach, Url};

/// The time limit of one export.
const PATIENCE: Duration = Duration::from_secs(5);
/// The path at which a collector accepts spans, by the OTLP specification.
const PATH: &str = "/v1/traces";

/// A position in a trace: `00-<32 hex>-<16 hex>-<2 hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

impl TraceParent {
    /// Returns the position of the current span; `None` if no trace is kept.
    pub fn current() -> Option<Self> {
        Self::of(&Span::current())
    }

    /// Returns the position of a span; `None` if no trace is kept.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let here = context.span().span_context().clone();
        here.is_valid().then(|| Self {
            trace: here.trace_id(),
            span: here.span_id(),
            flags: here.trace_flags().to_u8(),
        })
    }

    /// Deserializes an optional trace position; text that cannot be parsed becomes `None`.
    ///
    /// # Errors
    ///
    /// If the field is not a string.
    pub(crate) fn if_readable<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Option<Self>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()))
    }

    /// Makes this position the parent of `span`, which must not have been entered yet.
    pub fn adopt(self, span: &Span) {
        let flags = TraceFlags::new(self.flags);
        let parent = SpanContext::new(self.trace, self.span, flags, true, TraceState::default());
        // Without a collector no trace is kept and there is nothing to do.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl From<TraceParent> for String {
    fn from(parent: TraceParent) -> Self {
        parent.to_string()
    }
}

impl TryFrom<String> for TraceParent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for TraceParent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let parts: Vec<&str> = text.split('-').collect();
            let hex = |part: &str, length: usize| {
                part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            };
            // Later versions may add parts; the first four stay as they are.
            let [version, trace, span, flags, rest @ ..] = &parts[..] else { return None };
            let fine = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
            if !fine || *version == "ff" || (*version == "00" && !rest.is_empty()) || text.len() > 128 {
                return None;
            }
            let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
            let known = trace != TraceId::INVALID && span != SpanId::INVALID;
            known.then_some(Self { trace, span, flags: u8::from_str_radix(flags, 16).ok()? })
        };
        read().ok_or_else(|| "is not a traceparent as W3C Trace Context writes it".into())
    }
}

/// Exports spans to a collector until it is dropped, which sends the last ones.
#[derive(Debug)]
pub struct SpanExport(SdkTracerProvider);

impl SpanExport {
    /// Starts the export to a collector, such as `http://127.0.0.1:4318`. `OTEL_EXPORTER_OTLP_HEADERS` may add headers,
    /// such as the collector's token.
    ///
    /// # Errors
    ///
    /// If the exporter cannot be set up.
    pub fn start(endpoint: &Url) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let client = SpanClient {
            client: GuardedClient::new(Reach::Anywhere, PATIENCE)?,
            url: endpoint.with_path(PATH)?,
            runtime: runtime.context(Kind::Internal, || "cannot start the runtime that exports traces")?,
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}{PATH}"))
            .with_timeout(PATIENCE)
            .build()
            .context(Kind::Internal, || "cannot set up the export of traces")?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name("housestyle").with_attribute(version).build();
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// Returns the tracer that creates the exported spans.
    pub(crate) fn tracer(&self) -> Tracer {
        self.0.tracer("housestyle")
    }
}

impl Drop for SpanExport {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

/// Adapts the HTTP client to the exporter, which calls it from a thread of its own, outside of any async runtime.
#[derive(Debug)]
struct SpanClient {
    client: GuardedClient,
    url: Url,
    /// The runtime that drives the requests of the exporter's thread.
    runtime: Runtime,
}

#[async_trait]
impl HttpClient for SpanClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let reply = self.runtime.block_on(self.client.post(&self.url, parts.headers, body));
        let reply = reply.map_err(|error: Error| error.chain())?;
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_written_as_the_specification_says() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent: TraceParent = text.parse().unwrap();
        assert_eq!(
            (parent.to_string().as_str(), serde_json::to_string(&parent).unwrap()),
            (text, format!("\"{text}\""))
        );
        assert!(text.replacen("00-", "cc-", 1).parse::<TraceParent>().is_ok(), "a later version");
        assert!(format!("{}-what-more", text.replacen("00-", "cc-", 1)).parse::<TraceParent>().is_ok());
        for bad in [
            "",
            "00",
            &text.to_uppercase(),
            &format!("{text}-more"),
            &text.replacen("00-", "ff-", 1),
            &text.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &text.replace("b7ad6b7169203331", &"0".repeat(16)),
            &text.replace("b7ad", "b7a\u{e9}"),
            &text.replace("-01", "-1"),
            &format!("cc{}-{}", &text[2..], "x".repeat(200)),
        ] {
            assert!(bad.parse::<TraceParent>().is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_trace_there_is_no_parent() {
        assert_eq!(TraceParent::current(), None);
        let parent: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
        parent.adopt(&Span::none()); // costs nothing
    }
}
