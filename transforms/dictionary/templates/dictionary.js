"use strict";
const field = document.getElementById("search");
const found = document.getElementById("found");
const articles = [...document.querySelectorAll("[data-search]")].map((node) => {
  const rows = [...node.querySelectorAll("tbody tr")];
  const texts = rows.map((row) => plain(row));
  // What stands outside the rows: heading, facts, rules.
  const copy = node.cloneNode(true);
  copy.querySelectorAll("tbody").forEach((body) => body.remove());
  return { node, rows, texts, own: plain(copy), details: [...node.querySelectorAll("details")].filter((d) => !d.closest("td")) };
});
const sections = [...document.querySelectorAll("main h2, main h3.schema")];
const contents = document.getElementById("contents");
const narrow = window.matchMedia("(max-width: 820px)");

function plain(node) {
  return node.textContent.normalize("NFKC").toLowerCase().replace(/\s+/g, " ");
}

function search() {
  const words = field.value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.includes(word));
  const whole = new Set(articles.filter(({ own }) => words.length && has(own)));
  let items = 0;
  let lines = 0;
  for (const article of articles) {
    const { node, rows, texts, own, details } = article;
    // Words may be spread over the heading and a row: 企业 法定代表人.
    const hits = texts.map((text) => words.every((word) => text.includes(word) || own.includes(word)) && words.some((word) => text.includes(word)));
    const some = hits.some(Boolean);
    node.hidden = words.length > 0 && !whole.has(article) && !some;
    rows.forEach((row, i) => { row.hidden = words.length > 0 && some && !hits[i]; });
    details.forEach((d) => { d.open = words.length > 0 && some && d.querySelector("tbody tr:not([hidden])") !== null; });
    // A name that leads to one or two places is meant to be looked at.
    if (whole.has(article) && !some && whole.size < 3) { details[0].open = true; }
    if (words.length && !node.hidden) { items += 1; lines += hits.filter(Boolean).length; }
  }
  const visible = new Set(articles.filter(({ node }) => !node.hidden).map(({ node }) => node));
  sections.forEach((heading) => {
    let next = heading.nextElementSibling;
    let any = false;
    while (next && next.tagName !== "H2" && !(heading.tagName === "H3" && next.tagName === "H3")) {
      any = any || visible.has(next);
      next = next.nextElementSibling;
    }
    heading.hidden = !any;
  });
  found.textContent = words.length ? (items ? `${items} 处` + (lines ? `，${lines} 行` : "") : "没有找到") : "";
}

function order(name) {
  document.querySelectorAll("[data-list]").forEach((list) => { list.hidden = list.dataset.list !== name; });
  document.querySelectorAll("[data-order]").forEach((button) => { button.setAttribute("aria-pressed", String(button.dataset.order === name)); });
}

function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) { return; }
  if (target.hidden) { field.value = ""; search(); }
  const details = target.querySelector(":scope > details");
  if (details) { details.open = true; }
  if (narrow.matches) { contents.open = false; }
  target.scrollIntoView();
}

field.addEventListener("input", search);
document.querySelectorAll("[data-order]").forEach((button) => button.addEventListener("click", () => order(button.dataset.order)));
window.addEventListener("hashchange", reveal);
narrow.addEventListener("change", () => { contents.open = !narrow.matches; });
contents.open = !narrow.matches;
reveal();
