"use strict";
// Sorts and filters the tables that are in the page, and saves the numbers behind figures. Without it the page is whole, but still.
(function () {
  function make(name, text, attributes) {
    var e = document.createElement(name);
    if (text) e.textContent = text;
    for (var a in attributes || {}) e.setAttribute(a, attributes[a]);
    return e;
  }
  function value(cell) {
    if (cell.dataset.v !== undefined) return parseFloat(cell.dataset.v);
    return parseFloat(cell.textContent);
  }
  function compare(a, b, isNumber) {
    if (!isNumber) return a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
    var x = value(a), y = value(b);
    if (isNaN(x) || isNaN(y)) return NaN;
    return x - y;
  }
  // Rows without a number stay at the end, whichever way.
  function order(column, isNumber, sign) {
    return function (r, s) {
      var a = r.cells[column], b = s.cells[column], d = compare(a, b, isNumber);
      if (isNaN(d)) return (isNaN(value(a)) ? 1 : 0) - (isNaN(value(b)) ? 1 : 0);
      return sign * d;
    };
  }
  function sortable(table) {
    var heads = table.tHead.rows[0].cells, body = table.tBodies[0];
    Array.prototype.forEach.call(heads, function (th, column) {
      var button = make("button", "", { type: "button" });
      while (th.firstChild) button.appendChild(th.firstChild);
      th.appendChild(button);
      button.addEventListener("click", function () {
        var down = th.getAttribute("aria-sort") === "ascending";
        Array.prototype.forEach.call(heads, function (h) { h.removeAttribute("aria-sort"); });
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
        Array.prototype.slice.call(body.rows)
          .sort(order(column, th.classList.contains("n"), down ? -1 : 1))
          .forEach(function (row) { body.appendChild(row); });
      });
    });
  }
  function filterable(box, table) {
    var rows = Array.prototype.slice.call(table.tBodies[0].rows), heads = table.tHead.rows[0].cells;
    var tools = make("div", "", { class: "tools" }), chosen = [];
    var search = make("input", "", { type: "search", placeholder: "filter", "aria-label": "show rows that contain" });
    var shown = make("span", "", { role: "status" });
    tools.appendChild(search);
    Array.prototype.forEach.call(heads, function (th, column) {
      if (!th.hasAttribute("data-filter")) return;
      var select = make("select", "", { "aria-label": th.textContent }), seen = {};
      select.appendChild(make("option", "any " + th.textContent, { value: "" }));
      rows.forEach(function (row) {
        var text = row.cells[column].textContent;
        if (text && !Object.prototype.hasOwnProperty.call(seen, text)) {
          seen[text] = true;
          select.appendChild(make("option", text, { value: text }));
        }
      });
      chosen.push({ column: column, select: select });
      select.addEventListener("change", apply);
      tools.appendChild(select);
    });
    function apply() {
      var words = search.value.toLowerCase(), n = 0;
      rows.forEach(function (row) {
        var good = !words || row.textContent.toLowerCase().indexOf(words) >= 0;
        chosen.forEach(function (c) {
          good = good && (!c.select.value || row.cells[c.column].textContent === c.select.value);
        });
        row.hidden = !good;
        n += good ? 1 : 0;
      });
      shown.textContent = n + " of " + rows.length + " rows";
    }
    search.addEventListener("input", apply);
    tools.appendChild(shown);
    apply();
    box.parentNode.insertBefore(tools, box);
  }
  Array.prototype.forEach.call(document.querySelectorAll(".table .box"), function (box) {
    var table = box.querySelector("table"), browse = table.classList.contains("browse");
    if (!browse) sortable(table);
    if (browse || table.tBodies[0].rows.length > 10) filterable(box, table);
  });
  Array.prototype.forEach.call(document.querySelectorAll("details pre"), function (pre) {
    var button = make("button", "Save as CSV", { type: "button" });
    button.addEventListener("click", function () {
      var link = make("a", "", { download: pre.dataset.file });
      link.href = URL.createObjectURL(new Blob([pre.textContent.replace(/\n/g, "\r\n")], { type: "text/csv" }));
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    });
    pre.parentNode.insertBefore(button, pre);
  });
})();
