// Keeps a page current without loading it again. The gate renders every state, here as without a script; this only puts
// what changed in its place, lets times tick, and keeps the focus where it was.

const PAUSE = 3000; // milliseconds until the gate is asked again: as long as browsers take for a stream that broke off

const main = document.getElementById("main");
const lost = document.getElementById("lost");
const rendered = new Map();
let received = Date.now();

function blocks(page) {
  return [...page.querySelectorAll("[data-live]")];
}

function say(interrupted) {
  const text = interrupted ? lost.dataset.text : "";
  if (lost.textContent !== text) lost.textContent = text;
}

function refocus(focused) {
  if (focused === document.activeElement || document.contains(focused)) return;
  (focused.id && document.getElementById(focused.id) || document.getElementById("title")).focus();
}

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const next = fresh.getElementById("main");
  if (!next) return;
  received = Date.now();
  say(false);
  const focused = document.activeElement;
  if (next.dataset.page !== main.dataset.page) {
    main.replaceChildren(...document.adoptNode(next).childNodes);
    remember();
  } else {
    for (const block of blocks(document)) update(block, fresh.getElementById(block.id));
  }
  for (const name of ["page", "events", "poll"]) {
    if (name in next.dataset) main.dataset[name] = next.dataset[name];
    else delete main.dataset[name];
  }
  document.title = fresh.title;
  refocus(focused);
}

function update(block, fresh) {
  if (!fresh || rendered.get(block.id) === fresh.innerHTML) return;
  rendered.set(block.id, fresh.innerHTML);
  block.replaceChildren(...document.adoptNode(fresh).childNodes);
}

function remember() {
  rendered.clear();
  for (const block of blocks(document)) rendered.set(block.id, block.innerHTML);
}

function spelled(seconds, units) {
  const amounts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const first = amounts.findIndex((amount) => amount > 0);
  return amounts.map((amount, at) => `${amount} ${units[at]}`).slice(first < 0 ? 2 : first).join(" ");
}

function tick() {
  const passed = Math.floor((Date.now() - received) / 1000);
  for (const time of document.querySelectorAll("time[data-step]")) {
    const seconds = Math.max(0, Number(time.dataset.seconds) + passed * Number(time.dataset.step));
    const text = spelled(seconds, time.dataset.units.split(" "));
    if (time.textContent === text) continue;
    time.textContent = text;
    time.dateTime = `PT${seconds}S`;
  }
}

async function load() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
    show(await answer.text());
    return true;
  } catch {
    say(true);
    return false;
  }
}

function follow() {
  const stream = new EventSource(main.dataset.events);
  stream.addEventListener("page", (event) => show(event.data));
  stream.addEventListener("result", () => stream.close());
  stream.addEventListener("error", () => {
    if (!main.dataset.events) {
      stream.close(); // it has ended, and what is shown is how
    } else {
      say(true);
      if (stream.readyState === EventSource.CLOSED) setTimeout(resume, PAUSE);
    }
  });
}

async function resume() {
  if (!(await load())) setTimeout(resume, PAUSE);
  else if (main.dataset.events) follow();
  else poll();
}

function poll() {
  if (!main.dataset.poll) return;
  setTimeout(async () => {
    if (!document.hidden) await load();
    if (main.dataset.events) follow();
    else poll();
  }, Number(main.dataset.poll) * 1000);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = form.querySelector("button");
  if (!form.dataset.cancel) return;
  event.preventDefault();
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true"); // not disabled, which would lose the focus
  try {
    await fetch(form.dataset.cancel, { method: "DELETE", headers: { accept: "application/json" } });
  } catch {
    say(true);
  }
  button.removeAttribute("aria-disabled");
});

remember();
setInterval(tick, 1000);
if (main.dataset.events) follow();
else poll();
