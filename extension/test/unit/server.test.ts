import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { Deaths, MOST_DEATHS, WITHIN_MS } from "../../src/server/backoff";
import { explain, explainPython, fits, readVersion } from "../../src/server/failures";
import { helpFor } from "../../src/server/help";
import { locate, type Places, programIn } from "../../src/server/locate";
import { run } from "../../src/server/processes";
import { setValues } from "../../src/server/settings";
import { agreement, disagreement } from "../../src/server/version";

const places: Places = { setting: "", interpreter: undefined, path: ["/one", "/two"].join(delimiter), environment: "/nowhere" };

describe("finding the server", () => {
  it("takes the setting alone if there is one", async () => {
    const found = await locate({ ...places, setting: "/mine/llm4cov-lsp" }, (file) => Promise.resolve(file.startsWith("/two")));
    assert.deepEqual(found, { kind: "wrong", command: "/mine/llm4cov-lsp" });
  });

  it("prefers the selected interpreter's environment to the path", async () => {
    const found = await locate({ ...places, interpreter: "/venv/bin/python" }, () => Promise.resolve(true));
    assert.deepEqual(found, { kind: "found", command: join("/venv/bin", "llm4cov-lsp"), origin: "python" });
  });

  it("walks along the path", async () => {
    const found = await locate(places, (file) => Promise.resolve(file.startsWith("/two")));
    assert.deepEqual(found, { kind: "found", command: join("/two", "llm4cov-lsp"), origin: "path" });
  });

  it("does not take a private environment that is not whole", async () => {
    assert.deepEqual(await locate(places, (file) => Promise.resolve(file === programIn("/nowhere"))), { kind: "missing" });
  });
});

describe("the version rule", () => {
  it("compares minor numbers below 1.0 and major ones from there on", () => {
    assert.equal(agreement("0.1.0", "0.1.7"), "fits");
    assert.equal(agreement("0.2.0", "0.1.9"), "serverOlder");
    assert.equal(agreement("0.1.0", "0.3.0"), "serverNewer");
    assert.equal(agreement("1.2.0", "1.9.0"), "fits");
    assert.equal(agreement("1.2.0", "0.9.0"), "serverOlder");
    assert.equal(agreement("0.1.0", "unknown"), "fits");
  });

  it("says what to do", () => {
    assert.equal(disagreement("0.1.0", "0.1.1"), undefined);
    assert.match(disagreement("0.2.0", "0.1.0") ?? "", /too old.*[Uu]pdate it/);
    assert.match(disagreement("0.1.0", "0.2.0") ?? "", /Update the extension/);
  });
});

describe("what the server says", () => {
  it("comes with the button that helps", () => {
    const setting = helpFor("llm4cov.generate.budgetSeconds in your editor's settings should be a number of 1 or more; using 60.");
    assert.deepEqual(
      setting.map((one) => [one.label, one.args]),
      [["Open Setting", ["@id:llm4cov.generate.budgetSeconds"]]],
    );
    assert.equal(helpFor("A C++ compiler is needed and was not found.\n  Install it with `apt-get install g++`.")[0]?.label, "Doctor");
    assert.equal(helpFor("The worker process ended with status 1; the log has more.")[0]?.label, "Show Log");
    assert.deepEqual(helpFor("tb_fifo.sv: 98.0 % overall"), []);
  });
});

describe("settings for the server", () => {
  it("are those that somebody set", () => {
    const inspected: Record<string, object> = {
      mode: { defaultValue: "measure" },
      "files.defines": { defaultValue: [], workspaceValue: ["A"] },
      "server.path": { globalValue: "/x" },
      "codeLens.enabled": { defaultValue: true, globalValue: false },
    };
    const values = setValues(
      Object.keys(inspected),
      (key) => inspected[key],
      (key) => (key === "files.defines" ? ["A"] : false),
    );
    assert.deepEqual(values, { "files.defines": ["A"], "codeLens.enabled": false });
  });
});

describe("a server that dies", () => {
  it("is started again later and later, and then left alone", () => {
    const deaths = new Deaths();
    const waits = Array.from({ length: MOST_DEATHS }, (_, at) => deaths.add(at));
    assert.deepEqual(
      waits.map((next) => (next.kind === "again" ? next.waitMs : -1)),
      [500, 1000, 2000, 4000],
    );
    assert.equal(deaths.add(MOST_DEATHS).kind, "leave");
  });

  it("is forgiven what lies long ago, and all once a person starts it", () => {
    const deaths = new Deaths();
    for (let at = 0; at < MOST_DEATHS; at++) {
      deaths.add(at);
    }
    assert.deepEqual(deaths.add(WITHIN_MS + 10), { kind: "again", waitMs: 500 });
    deaths.clear();
    assert.equal(deaths.add(0).kind, "again");
  });
});

describe("an installation that fails", () => {
  it("is explained", () => {
    assert.match(explain("WARNING: Retrying ... NewConnectionError: Temporary failure in name resolution").what, /can't be reached/);
    assert.match(explain("ensurepip is not available. On Debian/Ubuntu").advice, /python3-venv/);
    assert.match(explain("OSError: [Errno 28] No space left on device").what, /full/);
    assert.match(explain("EROFS: read-only file system, mkdir").what, /can't be written|written/);
    assert.match(explain("ERROR: No matching distribution found for pyslang").what, /not to be had/);
    assert.deepEqual(explain("one\nsomething odd\n\n"), { what: "something odd", advice: "The log has the whole output." });
    assert.equal(explain("").what, "The installation failed.");
  });

  it("names the Python that is too old", () => {
    assert.deepEqual(readVersion("Python 3.9.2\n"), [3, 9]);
    assert.equal(readVersion("no such thing"), undefined);
    assert.equal(fits([3, 10]), false);
    assert.equal(fits([3, 11]), true);
    assert.equal(fits([4, 0]), true);
    assert.match(explainPython(["3.9"]).what, /3\.9 is too old/);
    assert.match(explainPython([]).what, /No Python/);
  });
});

describe("running a program", () => {
  it("gives its lines and status", async () => {
    const lines: string[] = [];
    const ended = await run(process.execPath, ["-e", "console.log('one'); console.error('two'); process.exit(3)"], {
      onLine: (line) => lines.push(line),
    });
    assert.equal(ended.status, 3);
    assert.deepEqual(lines.sort(), ["one", "two"]);
  });

  it("makes a value of a program that is not there", async () => {
    const ended = await run("/no/such/program", []);
    assert.deepEqual([ended.status, ended.failure], [null, "ENOENT"]);
  });
});
