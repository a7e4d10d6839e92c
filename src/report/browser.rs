//! The report in a real browser: Chromium, without a window, with every request of it remembered.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sample::{costs, evaluation};
use super::{Report, html, pictures};
use crate::html::Lang;

/// What was asked of the network: `CONNECT host:443`, `GET http://host/x`.
type Asked = Arc<Mutex<BTreeSet<String>>>;

/// A proxy that answers nobody and remembers what is asked: whatever the page wants of the network passes here.
fn remembering_proxy() -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Asked::default());
    let memory = asked.clone();
    std::thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            caller.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            let _ = BufReader::new(caller).take(4096).read_line(&mut line);
            // A connection opened in advance asks for nothing.
            if line.is_empty() {
                continue;
            }
            let target: Vec<&str> = line.split(['?', ' ']).take(2).collect();
            memory.lock().unwrap().insert(target.join(" "));
        }
    });
    (port, asked)
}

#[path = "../../tests/it/support/chromium.rs"]
mod chromium;

/// Opens a file with whatever it asks for sent to the proxy.
fn open(file: &Path, port: u16, flag: &str) -> Output {
    chromium::open(file, &[&format!("--proxy-server=http://127.0.0.1:{port}"), "--proxy-bypass-list=<-loopback>", flag])
}

#[test]
fn asks_nothing_complains_of_nothing_and_prints_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    let (port, asked) = remembering_proxy();
    // The browser itself asks these of its maker at every start, whatever it shows; a page's fonts or counters are
    // elsewhere.
    let hosts =
        ["clients2.google.com", "update.googleapis.com", "accounts.google.com", "optimizationguide-pa.googleapis.com"];
    let own = |target: &String| hosts.iter().any(|host| target.contains(host));
    let strangers = || asked.lock().unwrap().iter().filter(|target| !own(target)).cloned().collect::<Vec<_>>();
    let mut evaluation = evaluation();
    evaluation.campaign = "<script>console.error('ran')</script>".into();
    let report = Report::new(
        evaluation,
        Some(&costs("setup: {value: 4000, low: 2000, high: 8000}, review_minutes: 1", "")),
        None,
    )
    .unwrap();
    for (lang, word) in [(Lang::En, "In-house or outsourced?"), (Lang::Ja, "社内制作か、外注か")] {
        let (page, pdf) = (folder.path().join("report.html"), folder.path().join("report.pdf"));
        std::fs::write(&page, html::page(&report, &pictures::Pictures::new(), lang)).unwrap();
        let shown = open(&page, port, "--dump-dom");
        let (dom, log) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(dom.contains(word) && dom.contains("</svg>"), "{log}");
        assert!(!log.contains("CONSOLE"), "{log}");
        open(&page, port, &format!("--print-to-pdf={}", pdf.display()));
        let printed = std::fs::read(&pdf).unwrap();
        let printed = String::from_utf8_lossy(&printed);
        let pages = printed.matches("/Type /Page\n").count();
        assert!((2..=12).contains(&pages), "{pages} pages");
        let fonts: Vec<&str> =
            printed.split("/FontName /").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
        let japanese = fonts.iter().any(|font| ["IPA", "CJK", "Gothic", "Noto"].iter().any(|name| font.contains(name)));
        assert!(lang == Lang::En || japanese, "no Japanese font is printed with: {fonts:?}");
    }
    assert_eq!(strangers(), [""; 0], "the page asked for something");
    // That this would have been noticed: a page that does ask, and complains.
    let bad = folder.path().join("bad.html");
    std::fs::write(&bad, "<img src='http://example.invalid/x.png'><script>console.error('ran')</script>").unwrap();
    let shown = open(&bad, port, "--dump-dom");
    assert!(!strangers().is_empty() && String::from_utf8_lossy(&shown.stderr).contains("CONSOLE"));
}
