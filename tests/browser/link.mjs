// The acknowledgement page in a real browser: what it looks like, that it works without script, and that hostile text
// stays text. Usage: link.mjs URL SCREENSHOT_FOLDER; prints JSON.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , url, folder] = process.argv;
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"],
});
const result = { violations: [], dialogs: 0 };
try {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, javaScriptEnabled: true });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") result.violations.push(`${message.text()} ${message.location().url}`);
  });
  page.on("dialog", async (dialog) => { result.dialogs += 1; await dialog.dismiss(); });
  await page.goto(url);
  result.heading = await page.textContent("h1");
  result.scripts = await page.locator("script").count();
  result.injected = await page.locator("b, img, svg").count();
  result.styled = await page.evaluate(() => getComputedStyle(document.querySelector("button.main")).fontWeight);
  result.overflow = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  await page.screenshot({ path: join(folder, "link.png"), fullPage: true });
  await page.fill("input[name=eta]", "45m");
  await page.fill("textarea[name=note]", "looking at it; <b>soon</b>\nmore");
  await page.click("button.main");
  result.answerHeading = await page.textContent("h1");
  result.answer = await page.textContent("p");
  await page.screenshot({ path: join(folder, "answer.png"), fullPage: true });
  await page.goto(url);
  result.afterwards = await page.textContent("main");
  const warning = page.locator("dd.warning");
  result.warnings = await warning.allTextContents();
  result.warningWeight = result.warnings.length ? await warning.first().evaluate((e) => getComputedStyle(e).fontWeight) : "";
  await page.screenshot({ path: join(folder, "after.png"), fullPage: true });
} finally {
  await browser.close();
}
console.log(JSON.stringify(result));
