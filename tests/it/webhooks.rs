//! Events over HTTP: signed so that others can verify, tried again, and never sent where the house did not allow.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use housestyle::base::error::Kind;
use housestyle::base::time::Timestamp;
use housestyle::events::webhook::{WebhookSetting, Webhooks};
use housestyle::events::{AssetDead, CampaignCancelled, CloudEvent, DomainEvent};
use housestyle::io::http::{GuardedClient, Reach, Resolve, Url};
use housestyle::telemetry::Metrics;
use hyper::header::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const FINE: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// An endpoint that gives the scripted answers (the last one for ever) and keeps what it was sent.
pub(crate) struct Endpoint {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    pub(crate) async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let (kept, mut answers) =
            (Arc::clone(&heard), answers.iter().map(|a| (*a).to_owned()).collect::<VecDeque<_>>());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
                let kept = Arc::clone(&kept);
                tokio::spawn(async move { hear(stream, answer, &kept).await });
            }
        });
        Self { address, heard }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Reads one request, keeps it, answers. An empty answer is none: the endpoint stalls.
async fn hear(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String, kept: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        request.extend(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    kept.lock().unwrap().push(String::from_utf8(request).unwrap());
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn reach(networks: &[&str]) -> Reach {
    Reach::PublicAnd(networks.iter().map(|network| network.parse().unwrap()).collect())
}

fn client(networks: &[&str]) -> GuardedClient {
    GuardedClient::trusting(RootCertStore::empty(), reach(networks), Duration::from_millis(500)).unwrap()
}

struct House {
    webhooks: Webhooks,
    metrics: Arc<Metrics>,
    _folder: tempfile::TempDir,
}

fn house(urls: &[String], events: &[&str], client: GuardedClient) -> House {
    let folder = tempfile::tempdir().unwrap();
    let secret_file = folder.path().join("secret");
    std::fs::write(&secret_file, SECRET).unwrap();
    let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
    let setting =
        |url: &String| WebhookSetting { url: url.clone(), secret_file: secret_file.clone(), events: events.clone() };
    let settings: Vec<WebhookSetting> = urls.iter().map(setting).collect();
    assert!(settings.iter().all(|setting| setting.problem().is_none()));
    let metrics = Arc::new(Metrics::new().unwrap());
    let webhooks = Webhooks::new(&settings, client, Arc::clone(&metrics)).unwrap();
    House { webhooks: webhooks.pausing(vec![Duration::from_millis(5); 3]), metrics, _folder: folder }
}

fn event() -> CloudEvent {
    let reason = "it said\r\nwebhook-id: forged\r\n\r\n<script>".to_owned();
    let (campaign, job) = ("spring-0123456789ab".parse().unwrap(), "ab".repeat(32).parse().unwrap());
    let fact = DomainEvent::AssetDead(AssetDead { campaign, job, reason });
    CloudEvent::new("/housestyle", &fact, Timestamp::now()).unwrap()
}

fn counted(house: &House, result: &str) -> bool {
    house.metrics.text().unwrap().contains(&format!("housestyle_webhooks_total{{result=\"{result}\"}} 1\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_delivered_verifies_with_the_standards_own_library() {
    let endpoint = Endpoint::start(&[FINE]).await;
    let house = house(&[endpoint.url("/hook?x=1")], &[], client(&["127.0.0.0/8"]));
    let event = event();
    assert!(house.webhooks.deliver(&event).await.is_empty());
    let heard = endpoint.heard();
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{head}");
    let mut headers = standardwebhooks_headers(head);
    let verifier = standardwebhooks::Webhook::new(SECRET).unwrap();
    verifier.verify(body.as_bytes(), &headers).unwrap();
    verifier.verify(body.replace("spring", "autumn").as_bytes(), &headers).unwrap_err();
    headers.insert("webhook-id", "another".parse().unwrap());
    verifier.verify(body.as_bytes(), &headers).unwrap_err();
    assert!(head.to_ascii_lowercase().contains("content-type: application/cloudevents+json"), "{head}");
    assert_eq!(serde_json::from_str::<CloudEvent>(body).unwrap(), event);
    assert!(counted(&house, "delivered"));
}

fn standardwebhooks_headers(head: &str) -> HeaderMap {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    pairs
        .filter_map(|(name, value)| {
            Some((*names.iter().find(|n| **n == name.to_ascii_lowercase())?, value.parse().ok()?))
        })
        .map(|(name, value)| (hyper::header::HeaderName::from_static(name), value))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_under_the_same_id() {
    let endpoint = Endpoint::start(&["HTTP/1.1 503 Busy\r\nRetry-After: 0\r\n\r\n", "nonsense", FINE]).await;
    let house = house(&[endpoint.url("/")], &[], client(&["127.0.0.1/32"]));
    assert!(house.webhooks.deliver(&event()).await.is_empty());
    let ids: Vec<_> = endpoint
        .heard()
        .iter()
        .map(|h| standardwebhooks_headers(h)["webhook-id"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, vec![event().id; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_stalls_fails_or_is_gone_is_given_up_on_and_holds_up_no_other() {
    let (stalls, fails, gone) = (
        Endpoint::start(&[""]).await,
        Endpoint::start(&["HTTP/1.1 500 No\r\n\r\n"]).await,
        Endpoint::start(&["HTTP/1.1 410 Gone\r\n\r\n"]).await,
    );
    let good = Endpoint::start(&[FINE]).await;
    let urls = [&stalls, &fails, &gone, &good].map(|endpoint| endpoint.url("/"));
    let house = house(&urls, &[], client(&["127.0.0.1/32"]));
    let failures = house.webhooks.deliver(&event()).await;
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert_eq!((stalls.heard().len(), fails.heard().len(), gone.heard().len(), good.heard().len()), (4, 4, 1, 1));
    assert!(counted(&house, "delivered") && counted(&house, "refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_events_asked_for_are_sent() {
    let endpoint = Endpoint::start(&[FINE]).await;
    let house = house(&[endpoint.url("/")], &["campaign.cancelled"], client(&["127.0.0.1/32"]));
    let fact = DomainEvent::CampaignCancelled(CampaignCancelled {
        campaign: "c-0123456789ab".parse().unwrap(),
        finished: 1,
        left: 2,
    });
    let cancelled = CloudEvent::new("/housestyle", &fact, Timestamp::now()).unwrap();
    assert!(!house.webhooks.wants(&event()) && house.webhooks.wants(&cancelled));
    assert!(house.webhooks.deliver(&event()).await.is_empty() && house.webhooks.deliver(&cancelled).await.is_empty());
    assert_eq!(endpoint.heard().len(), 1);
    let misspelt =
        WebhookSetting { url: endpoint.url("/"), secret_file: "x".into(), events: vec!["asset.acepted".into()] };
    assert!(misspelt.problem().unwrap().contains("asset.accepted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_reaches_an_address_that_was_not_allowed() {
    let endpoint = Endpoint::start(&[FINE]).await;
    let port = endpoint.address.port();
    // The address in several clothes; names that the machine's own resolver turns into it among them.
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001"] {
        let house = house(&[format!("http://{host}:{port}/")], &[], client(&["10.0.0.0/8"]));
        let failures = house.webhooks.deliver(&event()).await;
        assert_eq!(failures.len(), 1, "{host}");
    }
    for host in ["127.0.0.1", "localhost", "169.254.169.254", "[fe80::1]", "10.0.0.1"] {
        let url: Url = format!("https://{host}:{port}/").parse().unwrap();
        let error = client(&[]).post(&url, HeaderMap::new(), "x".into()).await.unwrap_err();
        assert!(
            error.kind() == Kind::Permanent && error.chain().contains("public internet"),
            "{host}: {}",
            error.chain()
        );
    }
    assert!(endpoint.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_goes_to_allowed_networks_only() {
    let url: Url = "http://8.8.8.8/".parse().unwrap();
    let error = client(&["127.0.0.1/32"]).post(&url, HeaderMap::new(), "x".into()).await.unwrap_err();
    assert_eq!((error.kind(), error.advice()), (Kind::Permanent, Some("write https://")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let inner = Endpoint::start(&[FINE]).await;
    let answer = format!("HTTP/1.1 307 Over There\r\nLocation: {}\r\n\r\n", inner.url("/secret"));
    let outer = Endpoint::start(&[&answer]).await;
    let house = house(&[outer.url("/")], &[], client(&["127.0.0.1/32"]));
    let failures = house.webhooks.deliver(&event()).await;
    assert!(failures[0].advice().unwrap().contains("redirects"), "{failures:?}");
    assert_eq!((outer.heard().len(), inner.heard().len()), (1, 0));
}

/// A name that means something else every time it is asked for.
#[derive(Debug)]
struct Rebinding {
    answers: Vec<Vec<SocketAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Resolve for Rebinding {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[nth.min(self.answers.len() - 1)].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_mind_wins_nothing() {
    // 127.0.0.2 is allowed and answers; 127.0.0.1, where the same port answers too, stands for what must not be
    // reached.
    let secret = Endpoint::start(&[FINE]).await;
    let port = secret.address.port();
    let allowed = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let (good, bad) = (SocketAddr::from(([127, 0, 0, 2], port)), SocketAddr::from(([127, 0, 0, 1], port)));
    let url: Url = format!("http://hooks.example:{port}/").parse().unwrap();
    let post = async |answers: Vec<Vec<SocketAddr>>| {
        let resolver = Arc::new(Rebinding { answers, asked: AtomicUsize::new(0) });
        let client = client(&["127.0.0.2/32"]).resolving(Arc::clone(&resolver) as Arc<dyn Resolve>);
        let result = client.post(&url, HeaderMap::new(), "x".into()).await;
        (result, resolver.asked.load(Ordering::SeqCst))
    };
    let kept = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&kept);
    tokio::spawn(async move {
        let (stream, _) = allowed.accept().await.unwrap();
        hear(stream, FINE.into(), &heard).await;
    });
    let (result, asked) = post(vec![vec![good], vec![bad]]).await;
    assert_eq!((result.unwrap().status.as_u16(), asked), (204, 1), "asked once, and that answer is the one used");
    assert_eq!(kept.lock().unwrap().len(), 1);
    for answers in [vec![vec![bad]], vec![vec![good, bad]]] {
        assert_eq!(post(answers).await.0.unwrap_err().kind(), Kind::Permanent);
    }
    assert!(secret.heard().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                hear(stream, FINE.into(), &kept).await;
            }
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let knows = GuardedClient::trusting(roots, reach(&["127.0.0.0/8", "::1/128"]), Duration::from_secs(5)).unwrap();
    let post = async |client: &GuardedClient, host: &str| {
        let url: Url = format!("https://{host}:{port}/").parse().unwrap();
        client.post(&url, HeaderMap::new(), "x".into()).await
    };
    assert_eq!(post(&knows, "localhost").await.unwrap().status.as_u16(), 204);
    assert!(
        post(&knows, "127.0.0.1").await.unwrap_err().chain().contains("TLS"),
        "the certificate is for another name"
    );
    assert!(
        post(&client(&["127.0.0.0/8", "::1/128"]), "localhost").await.unwrap_err().chain().contains("TLS"),
        "nobody vouches"
    );
    assert_eq!(heard.lock().unwrap().len(), 1);
}
