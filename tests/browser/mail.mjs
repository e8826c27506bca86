// A mail's HTML as a client shows it: phone and desktop, by day and by night. Usage: mail.mjs URL SCREENSHOT_FOLDER; prints
// JSON, one object a view.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , url, folder] = process.argv;
mkdirSync(folder, { recursive: true });

// In the page: contrast of each kind of text with the ground behind it (WCAG 2), opacity counted in.
const measure = () => {
  const rgb = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const luminance = (c) => {
    const [r, g, b] = c.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const night = matchMedia("(prefers-color-scheme: dark)").matches;
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const c = rgb(getComputedStyle(one).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
    }
    return night ? [18, 18, 18] : [255, 255, 255];
  };
  const contrasts = {};
  for (const element of document.querySelectorAll("h1, p, span, th, td, b, a")) {
    const words = [...element.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!words || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const back = ground(element);
    const front = rgb(style.color).slice(0, 3).map((v, i) => v * style.opacity + back[i] * (1 - style.opacity));
    const [a, b] = [luminance(front), luminance(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = element.tagName + (element.style.backgroundColor || "");
    contrasts[name] = Math.min(contrasts[name] || 99, Math.round(ratio * 100) / 100);
  }
  const button = document.querySelector("td > a").getBoundingClientRect();
  const preview = document.querySelector("body > div").getClientRects().length;
  return {
    contrasts, preview, button: { width: button.width, height: button.height },
    overflow: document.documentElement.scrollWidth > window.innerWidth,
  };
};

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"],
});
const views = [];
try {
  for (const width of [320, 390, 1100]) {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
      const page = await context.newPage();
      let requests = 0;
      page.on("request", () => { requests += 1; });
      await page.goto(url);
      views.push({ width, colorScheme, ...(await page.evaluate(measure)), requests });
      await page.screenshot({ path: join(folder, `mail-${width}-${colorScheme}.png`), fullPage: true });
      await context.close();
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(views));
