//! What it looks like: contrast, narrow windows, and the pictures in the documentation.

use serde_json::Value;

use crate::browser::Browser;
use crate::support::{Service, samples, tools};
use crate::{call, functions, served, shown, url};

/// Every visible text whose contrast is below what WCAG asks for (AA: 4.5).
const PALE: &str = r"
const channels = (color) => color.match(/[\d.]+/g).map(Number);
const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = channels(getComputedStyle(at).backgroundColor);
    if (color.length < 4 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const found = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  const element = walker.currentNode.parentElement;
  if (!text || !element.checkVisibility() || element.matches('option, title, noscript, script')) continue;
  seen += 1;
  const style = getComputedStyle(element);
  const front = luminance(channels(element instanceof SVGElement ? style.fill : style.color));
  const back = luminance(ground(element));
  const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${text.slice(0, 40)}`);
}
return [seen, found]";

#[test]
fn every_text_can_be_read_in_light_and_dark() {
    let folder = functions();
    let service = served(&folder);
    call(&service, "hello", "{\"name\": \"Ada\"}");
    call(&service, "raises", "{}");
    let browser = shown(&service, "");
    browser.wait_for("#rows", "hello");
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for view in ["", "invocations/2", "functions", "test/hello", "queue"] {
            browser.open(&url(&service, view));
            let content = if view == "invocations/2" { "#detail .failure" } else { "h1" };
            e2e::wait_until(view, || !browser.text(content).is_empty());
            let found = browser.script(PALE, &[]);
            assert!(found[0].as_u64().unwrap() > 5, "{scheme} {view}: {found}");
            assert_eq!(found[1], Value::Array(Vec::new()), "{scheme} {view}");
        }
    }
}

#[test]
fn a_telephone_shows_it_without_scrolling_sideways() {
    let folder = functions();
    let long = "a-function-with-a-name-of-".to_owned() + &"x".repeat(38);
    let code = "def lambda_handler(event, context):\n    return 'y' * 20000\n";
    crate::support::function(folder.path(), &long, &[("lambda_function.py", code)]);
    let service = served(&folder);
    call(&service, &long, "{}");
    let browser = shown(&service, "");
    browser.resize(360, 740);
    browser.wait_for("#rows", &long);
    for view in ["", "invocations/1", "functions", &format!("test/{long}"), "queue"] {
        browser.open(&url(&service, view));
        let wide = browser.script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
            &[],
        );
        assert_eq!(wide, 0, "{view}");
    }
}

/// The pictures in docs/images. `SQLAMBDA_SCREENSHOTS=docs/images cargo test -p sqlambda --test page
/// pictures` makes them anew; without the variable they are made and looked at only.
#[test]
fn the_pictures_of_the_documentation_can_be_made() {
    let service = Service::start(&[samples()], &[]);
    let browser = shown(&service, "");
    browser.resize(1200, 720);
    let code = "import boto3\n\
                client = boto3.client('lambda')\n\
                for number in range(24):\n\
                \x20   name = ['simple', 'price', 'lambdaTest'][number % 3]\n\
                \x20   client.invoke(FunctionName=name, Payload=b'{\"item\": \"lamp\"}')\n\
                client.invoke(FunctionName='raises')\n\
                client.invoke(FunctionName='logs-a-lot', Payload=b'{\"lines\": 40}')\n\
                client.invoke(FunctionName='price', Payload=b'{\"item\": \"pen\"}')";
    tools::aws(&service, "python", &["-c", code]);
    browser.wait_for("#counts", "27 invocations");
    browser.open(&url(&service, "invocations/26"));
    browser.wait_for("#detail", "line 39 of 40");
    keep(&browser, "page-invocations");
    browser.prefer("dark");
    browser.open(&url(&service, "test/price"));
    browser.fill("#event", "{\n  \"item\": \"book\"\n}");
    browser.click("#run");
    browser.wait_for("#result h2", "Succeeded");
    keep(&browser, "page-test");
}

fn keep(browser: &Browser, name: &str) {
    let image = browser.screenshot();
    assert!(image.starts_with(b"\x89PNG"));
    assert!(image.len() < 150_000, "{name}: {} bytes", image.len());
    if let Some(folder) = std::env::var_os("SQLAMBDA_SCREENSHOTS") {
        let folder = crate::support::repository().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }
}
