"use strict";
// Makes each heading of a table.sortable a button that sorts by its column.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, headings, column));
  });
}

function sort(table, headings, column) {
  const heading = headings[column];
  const numeric = heading.dataset.sort === "number";
  const current = heading.getAttribute("aria-sort");
  const first = numeric ? "descending" : "ascending";
  const second = numeric ? "ascending" : "descending";
  const order = current === first ? second : first;
  for (const other of headings) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const value = (row) => row.cells[column].dataset.value ?? "";
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => {
    const left = value(a), right = value(b);
    // Rows without a value stay at the end, whichever way the others go.
    if (left === "" || right === "") return (left === "") - (right === "");
    return sign * (numeric ? left - right : left.localeCompare(right));
  });
  body.append(...rows);
}
