"""The page of a report in a real browser (Chromium, headless, driven through its debugging pipe): it asks for nothing, says no error, fits a
phone, can be read light and dark, its tables sort and filter. Of the results that an older build left (tests/results/older), or of the page
that is named. Skipped where there is no Chromium, or none that starts."""
import contextlib
import gzip
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time

import sg

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)

# The least contrast of every kind of text with what is behind it (WCAG 2: 4.5 for text).
CONTRAST = """(() => {
  const parts = c => (c.match(/[0-9.]+/g) || []).map(Number);
  const light = c => { const [r, g, b] = parts(c).slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor, p = parts(c); if (p.length < 4 || p[3] > 0) return c; }
    return 'rgb(255,255,255)'; };
  let worst = [99, ''];
  const seen = new Set();
  for (const e of document.querySelectorAll('body *')) {
    if (!e.textContent.trim() || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (['SCRIPT', 'STYLE', 'title', 'desc', 'OPTION'].includes(e.tagName) || e.matches('.td, .tl')) continue;
    const key = e.tagName + (e.getAttribute('class') || '') + (e.parentElement.getAttribute('class') || '');
    if (seen.has(key)) continue;
    seen.add(key);
    const s = getComputedStyle(e), a = light(e.tagName === 'text' ? s.fill : s.color), b = light(behind(e));
    const c = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (c < worst[0]) worst = [c, key];
  }
  return worst;
})()"""

HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"

# Texts of a figure whose boxes overlap, or that leave the figure.
CROWDED = """(() => {
  const bad = [];
  for (const svg of document.querySelectorAll('svg.plot')) {
    const all = svg.getBoundingClientRect(), boxes = [...svg.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    boxes.forEach(([t, b], i) => {
      if (b.left < all.left - 1 || b.right > all.right + 1 || b.top < all.top - 1 || b.bottom > all.bottom + 1) bad.push('outside: ' + t.textContent);
      if (/rotate/.test(t.getAttribute('transform'))) return;
      for (const [u, c] of boxes.slice(i + 1)) {
        if (/rotate/.test(u.getAttribute('transform'))) continue;
        const w = Math.min(b.right, c.right) - Math.max(b.left, c.left), h = Math.min(b.bottom, c.bottom) - Math.max(b.top, c.top);
        if (w > 2 && h > 4) bad.push(svg.getAttribute('aria-label') + ': ' + t.textContent + ' over ' + u.textContent);
      }
    });
  }
  return bad;
})()"""

# Each table by each of its heads, both ways: rows with a number in order, those without at the end.
SORT = """(() => {
  let n = 0;
  for (const table of document.querySelectorAll('.table table:not(.browse)'))
    [...table.tHead.rows[0].cells].forEach((th, k) => {
      for (const way of ['ascending', 'descending']) {
        th.querySelector('button').click();
        if (th.getAttribute('aria-sort') !== way) return n = 'aria-sort';
        if (!th.classList.contains('n')) continue;
        const v = [...table.tBodies[0].rows].map(r => r.cells[k]).map(c => c.dataset.v !== undefined ? +c.dataset.v : parseFloat(c.textContent));
        const known = v.filter(x => !isNaN(x));
        if (v.slice(0, known.length).some(isNaN)) throw new Error('holes are not last: ' + v);
        if (known.some((x, i) => i && (way === 'ascending' ? x < known[i - 1] : x > known[i - 1]))) throw new Error(way + ': ' + v);
        n++;
      }
    });
  return n;
})()"""

FILTER = """(() => {
  const table = document.querySelector('table.browse'), rows = [...table.tBodies[0].rows], shown = () => rows.filter(r => !r.hidden);
  const tools = table.closest('.table').querySelector('.tools'), select = tools.querySelector('select'), search = tools.querySelector('input');
  const all = shown().length, fire = (e, name) => e.dispatchEvent(new Event(name));
  select.value = select.options[1].value;
  fire(select, 'change');
  const chosen = shown().length, right = shown().every(r => [...r.cells].some(c => c.textContent === select.value));
  search.value = 'no example has these words';
  fire(search, 'input');
  const none = shown().length;
  select.value = search.value = '';
  fire(search, 'input');
  return [all, chosen, right, none, shown().length, tools.querySelector('span').textContent];
})()"""


class Browser:
    """A tab; what it asks for and complains of is kept."""

    def __init__(self, folder):
        mine, theirs = os.pipe(), os.pipe()  # they read 3 and write 4

        def ends():
            os.dup2(mine[0], 30)
            os.dup2(theirs[1], 31)
            os.dup2(30, 3)
            os.dup2(31, 4)

        self.folder, self.log, self.answered = folder, open(folder / "chromium.log", "wb"), False
        self.process = subprocess.Popen(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", f"--user-data-dir={folder}/profile", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=ends, close_fds=False, start_new_session=True, env=dict(os.environ, TMPDIR=str(folder)),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.close(mine[0])
        os.close(theirs[1])
        self.out, self.into, self.rest, self.number, self.session = mine[1], theirs[0], b"", 0, None
        self.requests, self.complaints, self.events = [], [], []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(domain + ".enable")

    def message(self):
        while b"\0" not in self.rest:
            if not select.select([self.into], [], [], 60)[0]:
                sg.fail("Chromium says nothing any more")
            piece = os.read(self.into, 1 << 16)
            if not piece:
                said = (self.folder / "chromium.log").read_text(errors="replace")[-600:]
                sg.fail("Chromium has ended: " + said) if self.answered else sg.skip("Chromium does not start here: " + said)
            self.rest, self.answered = self.rest + piece, True
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def heard(self, m):
        name, p = m.get("method"), m.get("params", {})
        self.events.append(name)
        if name == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])
        elif name in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(json.dumps(p)[:500])

    def ask(self, method, **params):
        self.number += 1
        m = {"id": self.number, "method": method, "params": params}
        if self.session:
            m["sessionId"] = self.session
        with contextlib.suppress(BrokenPipeError):  # reading tells that it has ended
            os.write(self.out, json.dumps(m).encode() + b"\0")
        while True:
            m = self.message()
            if m.get("id") == self.number:
                if "error" in m:
                    sg.fail(f"{method}: {m['error']}")
                return m["result"]
            self.heard(m)

    def show(self, page, width, scheme):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self.events:
            self.heard(self.message())

    def value(self, script):
        r = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in r:
            sg.fail(r["exceptionDetails"]["exception"].get("description", str(r)))
        return r["result"].get("value")

    def end(self):
        sg.kill_all(self.process, self.folder)  # its helpers outlive it for a moment, and write into the profile
        self.log.close()


def make(folder):
    h5, page = folder / "results.h5", folder / "report.html"
    h5.write_bytes(gzip.decompress((sg.ROOT / "tests/results/older/results.h5.gz").read_bytes()))
    subprocess.run([sg.SYNTHGRID, "report", h5, "--format", "html", "--output", page], check=True)
    return page


def look(b, page, width, scheme):
    b.show(page, width, scheme)
    where = f"{width} px, {scheme}: "
    sg.check(b.value("document.documentElement.scrollWidth") <= width, where + "the page is wider than the window")
    worst, what = b.value(CONTRAST)
    sg.check(worst >= 4.5, f"{where}a contrast of {worst:.2f}: {what}")
    crowded = b.value(CROWDED)
    sg.check(not crowded, f"{where}{crowded}")
    levels = b.value(HEADINGS)
    sg.check(levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:])), f"{where}headings {levels}")
    sg.check(b.value("document.querySelectorAll('table:not(:has(caption)), thead th:not([scope=col])').length") == 0,
             where + "a table without a caption, or a head without a scope")


def main():
    if not CHROMIUM:
        sg.skip("no Chromium (Debian: chromium)")
    with sg.Folder() as folder:
        page = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else make(folder)
        b = Browser(folder)
        try:
            for width in (1280, 390):
                for scheme in ("light", "dark"):
                    look(b, page, width, scheme)
            sorted_ = b.value(SORT)
            sg.check(isinstance(sorted_, int) and sorted_ > 5, f"tables do not sort: {sorted_}")
            if b.value("!!document.querySelector('table.browse')"):
                n, chosen, right, none, again, text = b.value(FILTER)
                sg.check(0 < chosen < n and right and none == 0 and again == n and text == f"{n} of {n} rows", f"{n, chosen, right, none, again, text}")
            time.sleep(0.2)
            b.value("1")
            sg.check(set(b.requests) == {page.as_uri()}, f"the page asks for more than itself: {set(b.requests)}")
            sg.check(not b.complaints, f"the console: {b.complaints}")
            # The policy itself: what would ask for something is stopped.
            b.value("new Image().src = 'http://127.0.0.1:9/x'; fetch('http://127.0.0.1:9/y').catch(() => 0); 1")
            time.sleep(0.2)
            b.value("1")
            sg.check(any("Content Security Policy" in c for c in b.complaints), "the policy stops no request")
            print(f"{page.stat().st_size} bytes, {sorted_} orders of tables, {len(b.requests)} requests for the page itself")
        finally:
            b.end()


main()
