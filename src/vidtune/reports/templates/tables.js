"use strict";
// An empty value (the sample failed) comes last whatever the direction: an error is not the worst score.
function compare(a, b, direction) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return direction * (Number.isNaN(difference) ? (a < b ? -1 : a > b ? 1 : 0) : difference);
}

// A heading becomes a button: reachable by keyboard, and its state is read out through aria-sort.
function sortable(head, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => act(head.getAttribute("aria-sort") === "ascending" ? -1 : 1));
}

document.querySelectorAll("table.sortable").forEach((table) => {
  const cells = Array.from(table.tHead.rows[0].querySelectorAll("th"));
  const rows = Array.from(table.tBodies[0].rows);
  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  cells.forEach((head, column) => sortable(head, (direction) => {
    table.tBodies[0].append(...rows.slice().sort((a, b) => compare(value(a, column), value(b, column), direction)));
    cells.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  }));
});

// Only a table that is wider than the page is a stop of the keyboard: there the arrows move it, and that is read out.
function reach() {
  document.querySelectorAll(".scroll").forEach((box) => {
    const needed = { tabindex: "0", role: "group", "aria-label": "Table, wider than the page" };
    Object.entries(needed).forEach(([name, value]) =>
      box.scrollWidth > box.clientWidth ? box.setAttribute(name, value) : box.removeAttribute(name));
  });
}
reach();
window.addEventListener("resize", reach);

window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
