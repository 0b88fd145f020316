(function () {
  const PAGE = 50; // samples on the page at a time: ten thousand rows stay as quick as fifty
  const ledger = document.getElementById("ledger");
  const [find, show, exercise, order, shown, pager] =
    ["find", "show", "exercise", "order", "shown", "pager"].map((id) => document.getElementById(id));
  const heads = Array.from(ledger.tHead.rows[0].cells);
  const labels = heads.slice(2).map((head) => head.textContent);
  const entries = Array.from(ledger.tBodies, fromNode)
    .concat(JSON.parse(document.getElementById("more-samples").textContent).map(fromData));
  let ordered = entries.slice();
  let found = entries;
  let page = 0;

  // The first samples are in the page as HTML, so that it works without this script; the others as data.
  function fromNode(node, index) {
    return {
      index, node, flags: node.dataset.flags.split(" "), label: node.dataset.label,
      text: node.textContent.toLowerCase(), values: Array.from(node.rows[0].cells, (cell) => cell.dataset.v),
    };
  }

  function fromData(data, offset) {
    return {
      index: ledger.tBodies.length + offset, node: null, data, flags: data.flags.split(" "), label: data.label,
      text: [data.video, ...data.notes, data.error, ...data.told.flat(), ...data.marks.flat()].join(" ").toLowerCase(),
      values: [String(data.number), data.video, ...data.marks.map((mark) => String(mark[2]))],
    };
  }

  function make(tag, properties, ...children) {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  function player(tag, address, what, video) {
    return address === "" ? null : make("figure", { className: "clip" },
      make(tag, { src: address, controls: true, preload: "none", ariaLabel: "The " + what + " of " + video }),
      make("figcaption", {}, make("span", { className: "unplayable", role: "status" }),
        make("a", { href: address }, "Open the " + what)));
  }

  // The same elements as the template makes; texts only ever become text.
  function build(data) {
    const marks = data.marks.map(([text, colour], index) => make("td", { className: "num" }, text === "" ? null :
      make("span", { className: "mark " + colour }, make("span", { className: "of" }, labels[index] + " "), text,
        colour && colour !== text ? make("small", {}, " " + colour) : null)));
    const pairs = data.told.map(([name, text, role]) =>
      make("div", { className: role }, make("dt", {}, name), make("dd", {}, text)));
    const picture = data.strip === "" ? null : make("div", { className: "strip", tabIndex: 0 }, make("img", {
      src: data.strip, alt: "The " + data.num_frames + " frames the model saw of " + data.video, decoding: "async",
    }));
    if (picture !== null) picture.style.setProperty("--frames", data.num_frames);
    const notes = make("p", { className: "small" }, data.notes.join(" · "));
    const head = make("tr", { className: "head" }, make("td", { className: "num" }, String(data.number)),
      make("th", { scope: "row" }, data.video), ...marks);
    const body = make("td", { colSpan: labels.length + 1 }, picture, make("div", { className: "told" },
      make("dl", {}, ...pairs),
      make("div", {}, player("video", data.clip, "clip", data.video), player("audio", data.sound, "sound", data.video), notes)));
    return make("tbody", { className: "sample state-" + data.state }, head,
      make("tr", { className: "body" }, make("td", {}), body));
  }

  function draw() {
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(Math.max(0, page), last);
    const first = page * PAGE;
    const wanted = found.slice(first, first + PAGE);
    Array.from(ledger.tBodies).forEach((body) => body.remove());
    wanted.forEach((entry) => {
      entry.node = entry.node || build(entry.data);
      entry.node.hidden = false;
      ledger.append(entry.node);
    });
    const among = found.length < entries.length ? " found among " + entries.length.toLocaleString("en") : "";
    shown.textContent = wanted.length
      ? "Samples " + (first + 1).toLocaleString("en") + " to " + (first + wanted.length).toLocaleString("en") + " of " +
        found.length.toLocaleString("en") + among
      : "No sample fits";
    pager.hidden = last === 0;
    pager.querySelector("span").textContent = "Page " + (page + 1) + " of " + (last + 1);
    pager.querySelector(".previous").disabled = page === 0;
    pager.querySelector(".next").disabled = page === last;
  }

  function filter() {
    const words = find.value.trim().toLowerCase();
    found = ordered.filter((entry) => (!words || entry.text.includes(words)) &&
      (!show.value || entry.flags.includes(show.value)) && (!exercise.value || entry.label === exercise.value));
    page = 0;
    draw();
  }

  function sort(column, direction) {
    ordered = entries.slice().sort((a, b) =>
      compare(a.values[column], b.values[column], direction) || a.index - b.index);
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    order.value = column + " " + direction;
    filter();
  }

  function turn(step) {
    page += step;
    draw();
    document.getElementById("samples-title").scrollIntoView();
  }

  // Errors of media do not bubble. Which codecs a browser has is known only once it was asked to play.
  ledger.addEventListener("error", (event) => {
    const what = { VIDEO: "clip", AUDIO: "sound" }[event.target.tagName];
    if (what === undefined) return;
    event.target.hidden = true;
    event.target.parentNode.querySelector(".unplayable").textContent =
      "This browser cannot play the " + what + " (its codec is missing, or the file was moved). ";
  }, true);
  heads.forEach((head, column) => sortable(head, (direction) => sort(column, direction)));
  order.addEventListener("change", () => sort(...order.value.split(" ").map(Number)));
  [[find, "input"], [show, "change"], [exercise, "change"]].forEach(([field, event]) =>
    field.addEventListener(event, filter));
  pager.querySelector(".previous").addEventListener("click", () => turn(-1));
  pager.querySelector(".next").addEventListener("click", () => turn(1));

  sort(0, 1);
})();
