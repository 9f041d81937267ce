/** What a person at the editor does and sees, in terms of its page. What the page swallows on a busy machine is done again, as a person would. */

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT_MS = 60_000;
/** How long something takes to show at most before it is tried again. */
const AGAIN_MS = 8_000;
const TRIES = 6;

export class Screen {
  private step = 0;

  private constructor(
    private readonly browser: Browser,
    readonly page: Page,
    private readonly pictures: string,
    private readonly window: string,
  ) {}

  /** Open a browser on an editor. */
  static async open(url: string, pictures: string, window: string): Promise<Screen> {
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

  /** Do something until what should come of it is seen. */
  async until(act: () => Promise<void>, seen: Locator): Promise<void> {
    for (let left = TRIES; ; left--) {
      try {
        await act();
        await seen.first().waitFor({ timeout: AGAIN_MS });
        return;
      } catch (error) {
        if (left <= 1) {
          throw error;
        }
      }
    }
  }

  /** Run a command from the palette, by its whole title. */
  async command(title: string): Promise<void> {
    const row = this.pickable(title);
    await this.ask("F1", `>${title}`, row);
    await row.first().click();
    await this.page.locator(".quick-input-widget:visible .quick-input-list").filter({ has: row }).waitFor({ state: "hidden" });
  }

  /** Open a file by its name. */
  async openFile(name: string): Promise<void> {
    // `tb_a.sv` matches what is typed for `a.sv` too.
    const row = this.pickable(name);
    await this.until(
      async () => {
        await this.ask("Control+p", name, row);
        await row.first().click();
      },
      this.page.locator(".tab.active .label-name").filter({ hasText: exactly(name) }),
    );
  }

  /** Open a file by its whole path, as one that lies in no folder of the workspace has to be; the editor asks whether it is trusted. */
  async openPath(path: string): Promise<void> {
    const widget = this.page.locator(".quick-input-widget:visible");
    const okay = widget.getByRole("button", { name: "OK" });
    await this.until(async () => {
      if (!(await okay.isVisible())) {
        await this.command("File: Open File...");
      }
      await widget.locator("input").first().fill(path);
      // The editor looks for the file as one types, and takes none that it has not found yet.
      await this.rest();
      await okay.click();
    }, this.page.locator(".monaco-dialog-box"));
  }

  /** Put a line of the active editor into view, in its middle. */
  async goToLine(line: number): Promise<void> {
    await this.until(
      async () => {
        await this.ask("Control+g", `:${line}`, this.page.locator(".quick-input-widget:visible input"));
        await this.page.keyboard.press("Enter");
      },
      this.page.locator(".statusbar-item").filter({ hasText: new RegExp(`^Ln ${line},`) }),
    );
    await this.page.locator(".quick-input-widget:visible").waitFor({ state: "hidden" });
  }

  /** Set a number in the editor for settings; `file` is where it is kept. */
  async setNumber(key: string, value: number, file: string): Promise<void> {
    await this.command("Preferences: Open Settings (UI)");
    const search = this.page.locator(".settings-editor .search-container .monaco-editor");
    // Other settings are listed until the search has ended.
    const input = this.page.locator(`.settings-editor .setting-item-contents input[type=number][aria-label="${key}"]`);
    await this.until(async () => {
      await search.click();
      await this.page.keyboard.press("Control+a");
      await this.page.keyboard.type(`@id:${key}`);
    }, input);
    // The editor draws its rows anew once the search has ended, and forgets what was typed before.
    for (let left = TRIES; !(await readFile(file, "utf8")).includes(`"${key}": ${value}`); left--) {
      assert.ok(left > 0, `${key} is not in ${file}`);
      await input.click();
      await this.page.keyboard.press("Control+a");
      await this.page.keyboard.type(String(value));
      await this.page.keyboard.press("Tab");
      await this.rest();
    }
    await this.command("View: Close Editor");
  }

  /** A code lens whose text matches. */
  lens(text: RegExp): Locator {
    return this.page.locator(".codelens-decoration a").filter({ hasText: text });
  }

  /** A notification whose text matches. */
  toast(text: RegExp): Locator {
    return this.page.locator(".notification-list-item").filter({ hasText: text });
  }

  /** Press a button of a notification; the notification's own buttons come and go with the pointer, so it is the button alone. */
  async answer(text: RegExp, button: string): Promise<void> {
    await this.toast(text).getByRole("button", { name: button, exact: true }).click({ force: true });
  }

  /** A row of a view. */
  rows(text: string | RegExp): Locator {
    return this.page.locator(".pane-body .monaco-list-row").filter({ hasText: text });
  }

  /** A row of the list to pick from. */
  pickable(label: string): Locator {
    const name = this.page.locator(".label-name").filter({ hasText: exactly(label) });
    return this.page.locator(".quick-input-list .monaco-list-row").filter({ has: name });
  }

  /** Let what is drawn come to rest, for a picture. */
  async rest(): Promise<void> {
    await this.page.waitForTimeout(1000);
  }

  /** Open the editor's input with a key, and type until a row shows. */
  private async ask(key: string, text: string, row: Locator): Promise<void> {
    const input = this.page.locator(".quick-input-widget:visible input");
    await this.until(async () => {
      if (await input.first().isVisible()) {
        await this.page.keyboard.press("Escape");
      }
      await this.page.keyboard.press(key);
      await input.first().fill(text, { timeout: AGAIN_MS });
    }, row);
    // The list fills in several steps, and a row may be another one by the time that it is clicked.
    await this.page.waitForTimeout(400);
  }
}

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.()]/g, "\\$&")}$`);
}
