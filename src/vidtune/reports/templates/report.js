"use strict";
(function () {
  const PAGE = 50; // as many as are not hidden when the page arrives
  const ledger = document.getElementById("ledger");
  const samples = Array.from(ledger.tBodies);
  const texts = samples.map((sample) => sample.textContent.toLowerCase());
  const place = new Map(samples.map((sample, index) => [sample, index]));
  const [find, show, exercise, order, shown, more] =
    ["find", "show", "exercise", "order", "shown", "more"].map((id) => document.getElementById(id));
  const heads = Array.from(ledger.tHead.rows[0].cells);
  let ordered = samples.slice();
  let limit = PAGE;

  function fits(sample) {
    const wanted = find.value.trim().toLowerCase();
    return (!wanted || texts[place.get(sample)].includes(wanted)) &&
      (!show.value || sample.dataset.flags.split(" ").includes(show.value)) &&
      (!exercise.value || sample.dataset.label === exercise.value);
  }

  function draw() {
    let found = 0;
    ordered.forEach((sample) => {
      const isWanted = fits(sample);
      found += isWanted ? 1 : 0;
      sample.hidden = !isWanted || found > limit;
    });
    more.hidden = found <= limit;
    const on = Math.min(found, limit);
    shown.textContent = "Showing " + on + " of " + found + (found < samples.length ? " found among " + samples.length : "") + " samples";
  }

  // An empty value (the sample failed) comes last whatever the direction: an error is not the worst score.
  function compare(a, b, direction) {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return direction * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
  }

  function sort(column, direction) {
    const value = (sample) => sample.rows[0].cells[column].dataset.v;
    ordered = samples.slice().sort((a, b) => compare(value(a), value(b), direction) || place.get(a) - place.get(b));
    ledger.append(...ordered);
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    order.value = column + " " + direction;
    limit = PAGE;
    draw();
  }

  // A heading becomes a button: reachable by keyboard, and its state is read out through aria-sort.
  function sortable(head, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => act(head.getAttribute("aria-sort") === "ascending" ? -1 : 1));
  }

  heads.forEach((head, column) => sortable(head, (direction) => sort(column, direction)));
  order.addEventListener("change", () => sort(...order.value.split(" ").map(Number)));
  [[find, "input"], [show, "change"], [exercise, "change"]].forEach(([field, event]) =>
    field.addEventListener(event, () => { limit = PAGE; draw(); }));
  more.addEventListener("click", () => { limit += PAGE; draw(); });

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

  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  sort(0, 1);
})();
