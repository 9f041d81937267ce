/** What a person at the editor does and sees, in terms of its page. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT_MS = 60_000;

export class Screen {
  private step = 0;

  private constructor(
    private readonly browser: Browser,
    readonly page: Page,
    private readonly pictures: string,
    private readonly window: number,
  ) {}

  /** Open a browser on an editor. */
  static async open(url: string, pictures: string, window: number): Promise<Screen> {
    await mkdir(pictures, { recursive: true });
    const browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: FLAGS });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(WAIT_MS);
    await page.goto(url, { waitUntil: "domcontentloaded" });
    return new Screen(browser, page, pictures, window);
  }

  async close(): Promise<void> {
    await this.browser.close();
  }

  /** Take a picture of what is there now. */
  async picture(name: string): Promise<string> {
    this.step += 1;
    const path = join(this.pictures, `${this.window}-${String(this.step).padStart(2, "0")}-${name}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** Answer the question whether the folder is trusted. */
  async trust(yes: boolean): Promise<void> {
    await this.dialogButton(yes ? /^Yes, I trust the authors/ : /^No, I don't trust the authors/);
  }

  async dialogButton(text: RegExp): Promise<void> {
    await this.page.locator(".monaco-dialog-box .monaco-button").filter({ hasText: text }).click();
    await this.page.locator(".monaco-dialog-box").waitFor({ state: "detached" });
  }

  /** Run a command from the palette. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget:visible input");
    await input.waitFor();
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first().waitFor();
    await this.page.keyboard.press("Enter");
  }

  /** Open a file by its name. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press("Control+p");
    const input = this.page.locator(".quick-input-widget:visible input");
    await input.waitFor();
    await input.fill(name);
    // `tb_a.sv` matches what is typed for `a.sv` too.
    const exactly = new RegExp(`^${name.replaceAll(".", "\\.")}$`);
    const row = this.page.locator(".quick-input-list .monaco-list-row");
    await row
      .filter({ has: this.page.locator(".label-name").filter({ hasText: exactly }) })
      .first()
      .click();
    await this.page.locator(".tab.active .label-name").filter({ hasText: exactly }).waitFor();
  }

  /** Put a line of the active editor into view, in its middle. */
  async goToLine(line: number): Promise<void> {
    await this.page.keyboard.press("Control+g");
    const input = this.page.locator(".quick-input-widget:visible input");
    await input.waitFor();
    await input.fill(`:${line}`);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".quick-input-widget:visible").waitFor({ state: "hidden" });
  }

  /** A code lens whose text matches. */
  lens(text: RegExp): Locator {
    return this.page.locator(".codelens-decoration a").filter({ hasText: text });
  }

  /** A notification whose text matches. */
  toast(text: RegExp): Locator {
    return this.page.locator(".notification-list-item").filter({ hasText: text });
  }

  async pause(ms: number): Promise<void> {
    await this.page.waitForTimeout(ms);
  }
}
