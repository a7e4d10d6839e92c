//! The report in a real browser: Chromium, without a window, with every request of it remembered.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use crate::evaluation::shop;
use housestyle_testkit::chromium;
use housestyle_testkit::needs;
use housestyle_testkit::program::{housestyle, output, repository};

/// What was asked of the network: `CONNECT host:443`, `GET http://host/x`.
type Requests = Arc<Mutex<BTreeSet<String>>>;

/// Hosts that the browser itself asks at every start, whatever it shows; a page's fonts or counters are elsewhere.
const ITS_MAKER: [&str; 4] =
    ["clients2.google.com", "update.googleapis.com", "accounts.google.com", "optimizationguide-pa.googleapis.com"];

/// A proxy that answers nobody and remembers what is asked: whatever a page wants of the network passes here.
struct Proxy {
    port: u16,
    requests: Requests,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, requests) = (listener.local_addr().unwrap().port(), Requests::default());
        let memory = Arc::clone(&requests);
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                let memory = Arc::clone(&memory);
                // A connection opened in advance asks for nothing, and holds up none that does.
                std::thread::spawn(move || {
                    let mut line = String::new();
                    if BufReader::new(caller).take(4096).read_line(&mut line).is_ok_and(|read| read > 0) {
                        let target: Vec<&str> = line.split(['?', ' ']).take(2).collect();
                        memory.lock().unwrap().insert(target.join(" "));
                    }
                });
            }
        });
        Self { port, requests }
    }

    /// What was asked of anybody but the browser's maker.
    fn of_strangers(&self) -> Vec<String> {
        let own = |target: &String| ITS_MAKER.iter().any(|host| target.contains(host));
        self.requests.lock().unwrap().iter().filter(|target| !own(target)).cloned().collect()
    }

    /// Opens a file in a browser that sends whatever the file asks for here.
    fn open(&self, file: &Path, flag: &str) -> Output {
        let server = format!("--proxy-server=http://127.0.0.1:{}", self.port);
        chromium::open(file, &[&server, "--proxy-bypass-list=<-loopback>", flag])
    }
}

/// Whether a page printed as PDF has a font for Japanese.
fn has_japanese_font(pdf: &str) -> bool {
    let mut fonts = pdf.split("/FontName /").skip(1).filter_map(|rest| rest.split_whitespace().next());
    fonts.any(|font| ["IPA", "CJK", "Gothic", "Noto"].iter().any(|name| font.contains(name)))
}

#[test]
fn it_asks_nothing_complains_of_nothing_and_prints_in_both_languages() {
    needs!(Runtime, Browser);
    let (folder, proxy) = (tempfile::tempdir().unwrap(), Proxy::start());
    let path = folder.path();
    let run = |args: &[&str]| {
        let (code, stdout, stderr) = output(housestyle(path, args));
        assert_eq!(code, 0, "{args:?}: {stdout}{stderr}");
    };
    // A vendor who would like its name to be a script.
    let index = shop(path).replace("Studio", "<script>console.error('ran')</script>");
    fs::write(path.join("delivery/index.csv"), index).unwrap();
    fs::copy(repository().join("specs/costs.yaml"), path.join("costs.yaml")).unwrap();
    run(&["run", "shop.yaml"]);
    run(&["baseline", "import", "delivery", "--name", "studio", "--campaign", "shop.yaml"]);
    for (lang, word) in [("en", "In-house or outsourced?"), ("ja", "社内制作か、外注か")] {
        run(&["report", "shop", "--baseline", "studio", "--costs", "costs.yaml", "--to", lang, "--lang", lang]);
        let (page, pdf) = (path.join(lang).join("report.html"), path.join(lang).join("report.pdf"));
        assert!(fs::read_to_string(&page).unwrap().contains("console.error"), "the vendor is not named");
        let shown = proxy.open(&page, "--dump-dom");
        let (dom, log) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(dom.contains(word) && dom.contains("</svg>"), "{log}");
        assert!(!log.contains("CONSOLE"), "{log}");
        proxy.open(&page, &format!("--print-to-pdf={}", pdf.display()));
        let printed = fs::read(&pdf).unwrap();
        let printed = String::from_utf8_lossy(&printed);
        let pages = printed.matches("/Type /Page\n").count();
        assert!((2..=20).contains(&pages), "{pages} pages");
        assert!(lang == "en" || has_japanese_font(&printed), "no Japanese font is printed with");
    }
    assert_eq!(proxy.of_strangers(), [""; 0], "the page asked for something");
    // That this would have been noticed: a page that does ask, and complains.
    let bad = path.join("bad.html");
    fs::write(&bad, "<img src='http://example.invalid/x.png'><script>console.error('ran')</script>").unwrap();
    let shown = proxy.open(&bad, "--dump-dom");
    assert!(!proxy.of_strangers().is_empty() && String::from_utf8_lossy(&shown.stderr).contains("CONSOLE"));
}
