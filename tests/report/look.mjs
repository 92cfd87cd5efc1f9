// Opens a report in headless Chromium as several readers would and says what they meet.
//
//   node look.mjs CHROMIUM REPORT FOLDER
//
// Prints one JSON object: for each view what it asked of the network, its errors, charts and widths; screenshots
// go to the folder. Speaks the DevTools protocol over two pipes, so it needs no package.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [chromium, report, folder] = process.argv.slice(2);
const views = {
  desktop: { width: 1200 },
  phone: { width: 375, mobile: true },
  dark: { width: 1200, media: [{ name: "prefers-color-scheme", value: "dark" }] },
  no_script: { width: 1200, noScript: true },
  print: { width: 794, print: true },
};

const browser = spawn(chromium, ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", `--user-data-dir=${folder}/profile`,
  "--remote-debugging-pipe", "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
process.on("exit", () => browser.kill("SIGKILL"));
browser.on("exit", (code) => { if (!done) { console.error(`the browser ended with ${code}`); process.exit(1); } });
setTimeout(() => { console.error("the browser did not answer in time"); process.exit(1); }, 60_000).unref();

let done = false;
let last = 0;
let unread = "";
const waiting = new Map();
const listeners = new Set();

browser.stdio[4].on("data", (bytes) => {
  const messages = (unread + bytes.toString()).split("\0");
  unread = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    if (message.id) {
      const { resolve, reject } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) reject(new Error(JSON.stringify(message.error)));
      else resolve(message.result);
    } else {
      for (const listener of listeners) listener(message);
    }
  }
});

function call(method, params = {}, sessionId = undefined) {
  const id = ++last;
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

async function look(name, view) {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => call(method, params, sessionId);
  const errors = [];
  const requests = [];
  let loaded;
  const load = new Promise((resolve) => { loaded = resolve; });
  const listener = (message) => {
    if (message.sessionId !== sessionId) return;
    const { params } = message;
    if (message.method === "Runtime.exceptionThrown") errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (message.method === "Log.entryAdded" && params.entry.level !== "info") errors.push(params.entry.text);
    if (message.method === "Runtime.consoleAPICalled" && ["error", "warning"].includes(params.type)) errors.push(String(params.args[0]?.value));
    if (message.method === "Network.requestWillBeSent") requests.push(params.request.url);
    if (message.method === "Page.loadEventFired") loaded();
  };
  listeners.add(listener);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await page(`${domain}.enable`);
  await page("Emulation.setDeviceMetricsOverride", { width: view.width, height: 900, deviceScaleFactor: 1, mobile: view.mobile ?? false });
  await page("Emulation.setEmulatedMedia", { media: view.print ? "print" : "", features: view.media ?? [] });
  if (view.noScript) await page("Emulation.setScriptExecutionDisabled", { value: true });
  const url = pathToFileURL(report).href;
  await page("Page.navigate", { url });
  await load;
  const evaluate = async (expression) => (await page("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  const size = await page("Page.getLayoutMetrics");
  const found = view.noScript
    ? { charts: 0, drawn: 0 }
    : await evaluate(`({ charts: document.querySelectorAll(".chart").length, drawn: document.querySelectorAll(".chart svg").length,
        tables: document.querySelectorAll("table").length, overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        sound: [...document.querySelectorAll(".chart svg")].every((svg) => svg.getBoundingClientRect().width <= innerWidth && svg.querySelectorAll("circle, path, rect").length > 0),
        background: getComputedStyle(document.body).backgroundColor, download: document.querySelector(".download").href.length })`);
  const { data } = await page("Page.captureScreenshot", { captureBeyondViewport: true, clip: { x: 0, y: 0, width: view.width, height: Math.min(size.cssContentSize.height, 9000), scale: 1 } });
  writeFileSync(`${folder}/${name}.png`, Buffer.from(data, "base64"));
  await call("Target.closeTarget", { targetId });
  listeners.delete(listener);
  return { ...found, width: size.cssContentSize.width, height: size.cssContentSize.height, errors, requests: requests.filter((request) => request !== url && !request.startsWith("data:")) };
}

const result = {};
for (const [name, view] of Object.entries(views)) result[name] = await look(name, view);
done = true;
console.log(JSON.stringify(result));
process.exit(0);
