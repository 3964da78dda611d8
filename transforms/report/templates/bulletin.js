"use strict";
// A click on a heading sorts its table; sums stay at the end.
const value = (row, column) => {
  const text = row.cells[column].textContent.trim();
  const number = Number(text.replace(/[,%*]/g, ""));
  return text === "" || text === "—" ? null : Number.isNaN(number) ? text : number;
};
const compare = (a, b) => {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return typeof a === "number" && typeof b === "number" ? b - a : String(a).localeCompare(String(b), "zh");
};
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  table.tHead.querySelectorAll("th").forEach((heading, column) => {
    heading.tabIndex = 0;
    heading.title = "点按排序";
    const sort = () => {
      const back = heading.getAttribute("aria-sort") === "descending";
      const rows = [...body.rows].filter((row) => !row.classList.contains("total") && row.cells.length > column);
      const totals = [...body.rows].filter((row) => row.classList.contains("total"));
      rows.sort((a, b) => compare(value(a, column), value(b, column)) * (back ? -1 : 1));
      body.append(...rows, ...totals);
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", back ? "ascending" : "descending");
    };
    heading.addEventListener("click", sort);
    heading.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); } });
  });
}
