//! From pictures to a decision, as a manager's team does it: vote in a browser, take the votes in, open the report.

use std::fs;
use std::path::Path;

use crate::evaluation::shop;
use housestyle_testkit::chromium;
use housestyle_testkit::needs;
use housestyle_testkit::program::{housestyle, output};

/// Votes on every pair as somebody would who clicks through the page, and shows what it would have saved.
const VOTER: &str = "<script>
  document.querySelectorAll('fieldset').forEach((pair, i) => {
    const choices = pair.querySelectorAll('input[type=radio]');
    choices[i % choices.length].click();
  });
  URL.createObjectURL = (blob) => {
    blob.text().then((text) => document.body.append(Object.assign(document.createElement('pre'), { textContent: text \
    })));
    return '#';
  };
  HTMLAnchorElement.prototype.click = () => {};
  document.querySelector('form').requestSubmit();
</script>";

/// The page's document once its scripts have run.
fn in_browser(page: &Path) -> String {
    String::from_utf8(chromium::open(page, &["--dump-dom"]).stdout).unwrap()
}

#[test]
fn votes_cast_in_a_browser_reach_the_report() {
    needs!(Runtime, Browser);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    shop(path);
    let run = |args: &[&str]| {
        let (code, stdout, stderr) = output(housestyle(path, args));
        assert_eq!(code, 0, "{args:?}: {stdout}{stderr}");
        stdout
    };
    run(&["run", "shop.yaml"]);
    run(&["baseline", "import", "delivery", "--name", "studio", "--campaign", "shop.yaml"]);
    run(&["review", "sheet", "shop", "--baseline", "studio", "--rater", "kim"]);

    let sheet = fs::read_to_string(path.join("review.html")).unwrap();
    assert!(!sheet.contains("studio") && !sheet.contains("Studio"), "the sheet says whose is whose");
    // The page's policy keeps all scripts but its own out, this one too.
    let (before, after) = sheet.split_once("<meta http-equiv").unwrap();
    let open = format!("{before}{}{VOTER}", after.split_once('>').unwrap().1);
    fs::write(path.join("open.html"), open).unwrap();
    let dom = in_browser(&path.join("open.html"));
    let ballot =
        dom.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next()).unwrap_or_else(|| panic!("{dom}"));
    let votes = &serde_json::from_str::<serde_json::Value>(ballot).unwrap()["votes"];
    assert_eq!(votes.as_object().unwrap().len(), 6, "{ballot}");
    fs::write(path.join("votes.json"), ballot).unwrap();
    let blocked = fs::read_to_string(path.join("review.html")).unwrap() + VOTER;
    fs::write(path.join("blocked.html"), blocked).unwrap();
    assert!(!in_browser(&path.join("blocked.html")).contains("<pre>"), "a script of others ran on the sheet");

    run(&["review", "import", "shop", "--baseline", "studio", "votes.json"]);
    let shown: serde_json::Value =
        serde_json::from_str(&run(&["review", "show", "shop", "--baseline", "studio", "--json"])).unwrap();
    assert!(shown.to_string().contains("\"votes\":6"), "{shown:#}");

    run(&["report", "shop", "--baseline", "studio", "--to", "report"]);
    let mut written: Vec<String> = fs::read_dir(path.join("report"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    for ending in [".csv", ".html", ".json", ".md"] {
        assert!(written.iter().any(|name| name.ends_with(ending)), "{ending} is missing: {written:?}");
    }
    let report = fs::read_to_string(path.join("report/report.html")).unwrap();
    assert!(
        report.contains("votes (house · neither · bought)") && !report.contains("Nobody has voted yet"),
        "no votes there"
    );
    assert!(!report.contains("src=\"http"), "it asks for something");
    let japanese = run(&["report", "shop", "--baseline", "studio", "--to", "ja", "--lang", "ja"]);
    assert!(fs::read_to_string(path.join("ja/report.html")).unwrap().contains("社内制作か"), "{japanese}");
}
