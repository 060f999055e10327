"use strict";
// Draws the call list from the data in the page. Names and sentences come from sources that we do
// not control: they become text nodes and attributes, never markup. Nothing is loaded or sent.

const data = JSON.parse(document.getElementById("data").textContent);
const { accounts, about, months, series, bands } = data;
const byId = (id) => document.getElementById(id);
const LABELS = Object.fromEntries(data.families.map(({ name, label }) => [name, label]));

// --- words and numbers ---------------------------------------------------------------------------

const wholeNumber = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const NOTHING = "\u2013"; // what stands where nothing is known
const known = (value) => value !== undefined && value !== null;
const whole = (number) =>
  known(number) ? wholeNumber.format(Math.round(number) || 0).replace("-", "\u2212") : NOTHING;
const money = (amount) =>
  known(amount) && about.currency ? `${whole(amount)} ${about.currency}` : whole(amount);
const percent = (share) => (known(share) ? `${(100 * share).toFixed(1)}%` : NOTHING);
const points = (share) => `${share < 0 ? "\u2212" : "+"}${Math.abs(100 * share).toFixed(1)} pts`;
const counted = (number, one, more = `${one}s`) =>
  known(number) ? `${whole(number)} ${Math.round(number) === 1 ? one : more}` : NOTHING;
const past = (account, name) => account.past[name] || months.map(() => 0);
const familyLabel = (name) => LABELS[name] || String(name).replaceAll("_", " ");
const sentence = (text) => text && text.charAt(0).toUpperCase() + text.slice(1);
const whatToDo = (account) =>
  sentence(account.play) + (known(account.play_owner) ? ` (${account.play_owner})` : "");
const title = (account) => account.name || account.account_id;
// A text of others in its own direction, so that one from right to left turns nothing around it.
const own = (text) => (known(text) ? el("bdi", {}, text) : null);
const numbered = (account, stem) =>
  [1, 2, 3].map((place) => account[`${stem}_${place}`]).filter(known);
const plain = (text) => String(text).normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function changed(account) {
  const change = account.change;
  if (!known(change)) return "";
  if (Math.abs(change) < 0.0005) return "no change";
  return `${change > 0 ? "\u25b2" : "\u25bc"} ${points(change)}`;
}

// --- elements ------------------------------------------------------------------------------------

function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (known(value) && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => known(child) && child !== ""));
  return element;
}
const el = (name, attributes = {}, ...children) =>
  made(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) =>
  made(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

const left = (account) => account.list_status === "left";
const toWinBack = (account) => account.list === "win_back";

function band(account) {
  if (left(account)) return el("span", { class: "band band-mid" }, "left");
  if (toWinBack(account)) return el("span", { class: "band band-mid" }, "stopped");
  if (!account.risk_band) return null;
  const place = bands.findIndex((one) => one.name === account.risk_band);
  const level = place === 0 ? "top" : place === bands.length - 1 ? "low" : "mid";
  return el("span", { class: `band band-${level}` }, account.risk_band);
}

function meter(share) {
  return svg(
    "svg",
    { class: "meter", width: 72, height: 4, viewBox: "0 0 72 4", "aria-hidden": "true" },
    svg("rect", { class: "meter-rest", width: 72, height: 4, rx: 2 }),
    svg("rect", { class: "meter-value", width: (72 * share).toFixed(1), height: 4, rx: 2 }),
  );
}

const keyAccount = (account) =>
  account.key_account ? el("span", { class: "badge" }, toWinBack(account) ? "key account, leaving" : "key account") : null;

// --- the list ------------------------------------------------------------------------------------

const has = (name) => accounts.some((account) => known(account[name]));
const first = { text: 1, number: -1 }; // the direction in which a column is sorted first

// key: what is sorted by. says: the word before the value on a phone, where there are no headings.
const COLUMNS = [
  { key: "rank", head: "#", order: 1, number: true, value: (a) => a.rank, cell: (a) => [whole(a.rank)] },
  {
    key: "account",
    head: "Account",
    order: first.text,
    value: (a) => plain(title(a)),
    cell: (a) => [
      el("button", { class: "open", type: "button", "aria-haspopup": "dialog" }, own(title(a))),
      el("span", { class: "small" }, a.name ? own(a.account_id) : null, keyAccount(a)),
    ],
  },
  { key: "owner", head: "Owner", order: first.text, when: has("owner_id"), says: "owner",
    value: (a) => a.owner_id && plain(a.owner_id), cell: (a) => [own(a.owner_id) || NOTHING] },
  { key: "tier", head: "Tier", order: first.text, says: "tier",
    value: (a) => a.tier, cell: (a) => [a.tier || NOTHING] },
  { key: "risk", head: "Risk", order: first.number, number: true,
    value: (a) => a.risk,
    cell: (a) => [
      known(a.risk) ? percent(a.risk) : "",
      band(a),
      known(a.risk) ? meter(a.risk) : null,
      toWinBack(a) ? el("span", { class: "small" }, `on ${a.crossed_on}${a.newly_departed ? ", new" : ""}`) : null,
      known(a.reorder_180) ? el("span", { class: "small" }, `orders again ${percent(a.reorder_180)}`) : null,
      a.slip_chance >= 0.05 ? el("span", { class: "small" }, `already gone ${percent(a.slip_chance)}`) : null,
    ] },
  { key: "change", head: "Change", order: first.number, number: true,
    when: has("change") || has("change_kind"), value: (a) => a.change,
    cell: (a) => [
      changed(a),
      a.change_kind === "new" ? el("span", { class: "small" }, "new on the list") : null,
    ] },
  { key: "value", head: "Value", order: first.number, number: true, says: "value",
    value: (a) => a.call_value, cell: (a) => [whole(a.call_value)] },
  { key: "score", head: "Call score", order: first.number, number: true, says: "score",
    value: (a) => a.call_score, cell: (a) => [whole(a.call_score)] },
  { key: "loss", head: "Expected loss", order: first.number, number: true, says: "loss",
    value: (a) => a.expected_loss, cell: (a) => [whole(a.expected_loss)] },
  { key: "silent", head: "Silent", order: first.number, number: true, says: "silent",
    value: (a) => a.days_silent,
    cell: (a) => [
      counted(a.days_silent, "day"),
      known(a.usual_gap) ? el("span", { class: "small" }, `usually ${whole(a.usual_gap)}`) : null,
    ] },
  { key: "past", head: "Net orders, 24 months", cell: (a) => [sparkline(a)] },
  { key: "why", head: "Why, and what to do", when: has("reason_1") || has("play"),
    cell: (a) => [
      el("span", {}, sentence(numbered(a, "reason")[0] || "")),
      a.play ? el("span", { class: "small" }, whatToDo(a)) : null,
    ] },
].filter((column) => column.when !== false);
const SORTABLE = COLUMNS.filter((column) => column.order);

function sparkline(account) {
  const values = past(account, "net");
  const most = Math.max(...values, 1);
  const bars = values.map((value, place) => {
    const height = (20 * Math.max(value, 0)) / most;
    return height > 0
      ? svg("rect", { class: "bar", x: 4 * place, y: (21 - height).toFixed(1), width: 3,
          height: height.toFixed(1) })
      : null;
  });
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 98 22", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 0, x2: 96, y1: 21.5, y2: 21.5 }),
    bars,
    svg("line", { class: "snapshot", x1: 97, x2: 97, y1: 0, y2: 22 }),
  );
}

function row(account) {
  const cells = COLUMNS.map((column) =>
    el("td", { class: `${column.key}${column.number ? " number" : ""}`, role: "cell",
      "data-says": column.says }, column.cell(account)),
  );
  return el("tr", { role: "row" }, cells);
}

const LISTS = { keep: "to keep", win_back: "to win back", none: "left" };
const FILTERS = [
  { key: "list", label: "List", all: "All lists", of: (a) => [a.list], among: Object.keys(LISTS),
    says: (name) => LISTS[name], when: accounts.some(toWinBack) },
  { key: "owner", label: "Owner", all: "All owners", of: (a) => [a.owner_id || "no owner"],
    when: has("owner_id") },
  { key: "tier", label: "Tier", all: "All tiers", of: (a) => [a.tier], when: has("tier") },
  { key: "band", label: "Risk", all: "All risks", of: (a) => [left(a) ? "left" : a.risk_band].filter(known),
    among: [...bands.map(({ name }) => name), "left"], when: true },
  { key: "change", label: "Change", all: "All changes", of: (a) => [a.change_kind].filter(known),
    when: has("change_kind") },
  { key: "family", label: "Reason from", all: "All reasons",
    of: (a) => numbered(a, "reason_family"), says: familyLabel, when: has("reason_family_1") },
].filter((filter) => filter.when);

const state = { words: [], chosen: {}, sort: "rank", direction: 1 };
const lines = accounts.map((account, place) => ({
  account,
  place,
  row: row(account),
  text: plain(
    [account.name, account.account_id, account.owner_id, account.play, account.play_owner,
      ...numbered(account, "reason")].filter(known).join(" "),
  ),
}));
let shown = lines;

// What is not known comes last, whichever way the rest is sorted.
function compare(one, other, column) {
  const [a, b] = [column.value(one.account), column.value(other.account)];
  if (known(a) !== known(b)) return known(a) ? -1 : 1;
  const order = typeof a === "string" ? a.localeCompare(b) : a < b ? -1 : a > b ? 1 : 0;
  return state.direction * (known(a) ? order : 0) || one.place - other.place;
}

function update() {
  const column = SORTABLE.find(({ key }) => key === state.sort);
  shown = lines.filter(
    ({ account, text }) =>
      state.words.every((word) => text.includes(word)) &&
      FILTERS.every(({ key, of }) => !state.chosen[key] || of(account).includes(state.chosen[key])),
  );
  shown.sort((one, other) => compare(one, other, column));
  byId("rows").replaceChildren(...shown.map((line) => line.row));
  for (const heading of byId("headings").children) {
    const sorted = heading.dataset.key === state.sort;
    const direction = state.direction > 0 ? "ascending" : "descending";
    if (heading.dataset.key) heading.setAttribute("aria-sort", sorted ? direction : "none");
    const arrow = heading.querySelector(".arrow");
    if (arrow) arrow.textContent = sorted ? (state.direction > 0 ? " \u2191" : " \u2193") : "";
  }
  const narrowed = state.words.length > 0 || Object.values(state.chosen).some(Boolean);
  const loss = shown.reduce((sum, { account }) => sum + (account.expected_loss || 0), 0);
  byId("status").textContent = narrowed
    ? `Showing ${whole(shown.length)} of ${counted(accounts.length, "account")}; expected loss ${money(loss)}`
    : `Showing all ${counted(accounts.length, "account")}`;
  byId("nobody").hidden = shown.length > 0;
  byId("list").hidden = shown.length === 0;
  byId("clear").hidden = !narrowed;
  byId("sort").value = `${state.sort} ${state.direction}`;
}

function sortBy(key) {
  const { order } = SORTABLE.find((column) => column.key === key);
  state.direction = state.sort === key ? -state.direction : order;
  state.sort = key;
  update();
}

function drawFrame() {
  const toCall = accounts.filter((a) => !left(a));
  const winBack = toCall.filter(toWinBack).length;
  const split = winBack
    ? ` (${whole(toCall.length - winBack)} to keep, ${whole(winBack)} to win back)`
    : "";
  byId("note").textContent = data.note;
  byId("note").hidden = !data.note;
  byId("subtitle").textContent =
    `${data.name}, as of ${data.as_of}; ${counted(toCall.length, "account")} to call${split} of ` +
    `${whole(data.scored)} scored; risk of ${data.defection}`;
  byId("win-back").textContent = data.win_back;
  byId("win-back").hidden = !winBack || !data.win_back;
  const number = (test) => whole(accounts.filter(test).length);
  const inBand = bands.map(({ name }) => [`risk ${name}`, number((a) => a.risk_band === name)]);
  if (winBack) inBand.push(["to win back", number(toWinBack)]);
  if (accounts.some(left)) inBand.push(["left", number(left)]);
  const loss = accounts.reduce((sum, account) => sum + (account.expected_loss || 0), 0);
  byId("totals").append(
    ...[["expected loss", money(loss)], ...inBand].map(([term, said]) =>
      el("div", {}, el("dt", {}, term), el("dd", {}, said))),
  );
  byId("wanting").hidden = !data.wanting.length;
  byId("wanting").append(...data.wanting.map((text) => el("p", {}, text)));
  byId("headings").append(
    ...COLUMNS.map(({ key, head, order, number }) =>
      el("th", { scope: "col", role: "columnheader", class: `${key}${number ? " number" : ""}`,
        "data-key": order ? key : null },
        order
          ? el("button", { type: "button" }, head, el("span", { class: "arrow", "aria-hidden": "true" }))
          : el("span", { class: "plain" }, head))),
  );
  byId("sort").append(
    ...SORTABLE.flatMap(({ key, head, order }) =>
      [order, -order].map((direction) =>
        el("option", { value: `${key} ${direction}` },
          `${key === "rank" ? "Rank" : head} ${direction > 0 ? "\u2191" : "\u2193"}`))),
  );
  byId("filters").append(
    ...FILTERS.map(({ key, label, all, of, among, says }) => {
      const found = new Set(accounts.flatMap(of));
      const choices = among ? among.filter((name) => found.has(name)) : [...found].sort();
      return el("label", {}, el("span", {}, label),
        el("select", { "data-filter": key }, el("option", { value: "" }, all),
          choices.map((name) => el("option", { value: name }, says ? says(name) : name))));
    }),
  );
  for (const [element, role] of [["list", "table"], ["rows", "rowgroup"], ["headings", "row"]]) {
    byId(element).setAttribute("role", role); // kept where the narrow style changes the display
  }
  byId("headings").parentElement.setAttribute("role", "rowgroup");
  drawHelp();
}

function drawHelp() {
  const least = bands.map(({ name, least }) => `${name} from ${Math.round(100 * least)}%`);
  const basis = about.value_basis || "margin";
  const uses = { Change: has("change"), Left: accounts.some(left), "To win back": accounts.some(toWinBack),
    "Already gone": has("slip_chance") };
  const unused = new Set(Object.keys(uses).filter((term) => !uses[term]));
  const told = [
    ["Risk", `The probability of ${data.defection}, counted from ${data.as_of}. In words: ${least.join(", ")}.`],
    ["Already gone", "The chance that the account has stopped ordering already; 0 until an order is overdue."],
    ["Value", `What a call is worth: ${data.call_value}.`],
    ["Call score", data.ranked_by],
    ["At stake", `Next year's ${basis} expected if the account stays, less the same if it defects` +
      `${about.currency ? `, in ${about.currency}` : ""}. A card also shows between which amounts next year's ${basis} lies ` +
      "for 9 in 10 accounts like this that stay the whole year."],
    ["Expected loss", "Risk times value at stake."],
    ["To win back", `Accounts that have stopped ordering, in bands of the days since their patience ended: 0 to 30, 31 to 60, more. ${data.order_again}`],
    ["Tier", "A: the accounts that together bring the first 80% of the value of the last 365 days; B: to 95%; C: the rest."],
    ["Silent", "Days since the last order, and beneath them the account's usual gap between order days."],
    ["Change", "How the risk has moved since the list before, in percentage points."],
    ["Left", "Scored in the list before, and without an order for so long that it is not scored any more."],
    ["Bars", "What happened in each of the last 24 months, as far as it was known at the snapshot; the dashed line is the snapshot."],
    ["Keys", "Enter opens an account, Escape closes it, arrow keys go to the next and the one before, / goes to the search."],
  ].filter(([term]) => !unused.has(term));
  byId("help").append(...told.flatMap(([term, text]) => [el("dt", {}, term), el("dd", {}, text)]));
}

// --- charts --------------------------------------------------------------------------------------

const CHARTS = [
  { name: "net", head: "Net orders per month", unit: money, none: "no orders" },
  { name: "order_days", head: "Order days per month", unit: (n) => counted(n, "order day"),
    none: "no order days" },
  { name: "touches", head: "Touches per month", unit: (n) => counted(n, "touch", "touches"),
    none: "no touches" },
  { name: "complaints", head: "Complaints opened per month", unit: (n) => counted(n, "complaint"),
    none: "no complaints" },
];

function inWords({ name, unit, none }, values, open) {
  const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
  if (!values.some(Boolean)) return `${none} in ${months.length} months`;
  const last = unit(sum(values.slice(-3)));
  if (name === "complaints") {
    const still = sum(open);
    return `${unit(sum(values))} in ${months.length} months` +
      (series.includes("open") ? `, ${still ? `${whole(still)} still open (hatched)` : "none open"}` : "");
  }
  return `${last} since ${months.at(-3)}; most ${unit(Math.max(...values))}`;
}

function chart(account, kind) {
  const values = past(account, kind.name);
  const open = kind.name === "complaints" ? past(account, "open") : [];
  const says = inWords(kind, values, open);
  const [width, left, step, top, base] = [320, 2, 12.6, 15, 74];
  const most = Math.max(...values, 0);
  const least = Math.min(...values, 0);
  const scale = (base - top) / (most - least || 1);
  const y = (value) => base - (value - least) * scale;
  const [year, month, day] = data.as_of.split("-").map(Number);
  const cut = data.as_of.startsWith(months.at(-1)) ? (day - 1) / new Date(year, month, 0).getDate() : 1;
  const now = (left + step * (months.length - 1 + cut)).toFixed(1);
  // A snapshot within a month cuts its bar short.
  const wide = (place) => Math.max(step * (place === months.length - 1 ? cut : 1) - 2, 1);
  const rect = (place, from, to, style, text) =>
    svg("rect", { class: style, x: (left + step * place + 1).toFixed(1), y: y(Math.max(from, to)).toFixed(1),
      width: wide(place).toFixed(1), height: (Math.abs(from - to) * scale).toFixed(1) },
      svg("title", {}, text));
  const bars = values.map((value, place) => {
    const waiting = Math.min(open[place] || 0, Math.max(value, 0));
    const text = `${months[place]}: ${kind.unit(value)}${waiting ? `, ${waiting} open` : ""}`;
    return [
      value - waiting ? rect(place, 0, value - waiting, value < 0 ? "below" : "bar", text) : null,
      waiting ? rect(place, value - waiting, value, "still-open", text) : null,
    ];
  });
  const years = months.map((name, place) =>
    name.endsWith("-01") && left + step * place + 28 < now - 120 // else the words would touch
      ? [svg("line", { class: "axis", x1: left + step * place, x2: left + step * place, y1: base, y2: base + 4 }),
         svg("text", { x: left + step * place + 2, y: base + 12 }, name.slice(0, 4))]
      : []);
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} 90`, role: "img", "aria-label": `${kind.head}: ${says}` },
    svg("defs", {}, svg("pattern", { id: "hatched", width: 5, height: 5, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)" }, svg("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 5 }))),
    svg("line", { class: "axis", x1: left, x2: now, y1: y(0), y2: y(0) }),
    most > 0 ? [svg("line", { class: "most", x1: left, x2: now, y1: top, y2: top, "stroke-dasharray": "1 3" }),
      svg("text", { x: left, y: top - 4 }, whole(most))] : null,
    bars,
    years,
    svg("line", { class: "snapshot", x1: now, x2: now, y1: 4, y2: base + 3 }),
    svg("text", { class: "now", x: now, y: base + 12, "text-anchor": "end" }, `snapshot ${data.as_of}`),
  );
  return el("figure", { "data-series": kind.name },
    el("figcaption", {}, el("b", {}, kind.head), el("span", { class: "small" }, ` ${says}`)), picture);
}

function monthsTable(account) {
  const kinds = CHARTS.filter(({ name }) => series.includes(name));
  const open = series.includes("open") ? past(account, "open") : [];
  const heads = kinds.map(({ head }) => el("th", { scope: "col" }, head.replace(" per month", "")));
  const cell = (name, value, place) =>
    whole(value) + (name === "complaints" && open[place] ? ` (${open[place]} open)` : "");
  const rows = months.map((month, place) =>
    el("tr", {}, el("th", { scope: "row" }, month),
      kinds.map(({ name }) => el("td", {}, cell(name, past(account, name)[place], place)))));
  return el("details", { class: "months" }, el("summary", {}, "The figures by month"),
    el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Month"), heads)),
      el("tbody", {}, rows.reverse())));
}

// --- an account's card ---------------------------------------------------------------------------

const card = byId("card");
let current = null;

const CAUSES = { data: "what happened", time: "time alone", model: "another model" };
const moved = (account) =>
  Object.entries(CAUSES)
    .filter(([by]) => Math.abs(account[`change_by_${by}`] || 0) >= 0.0005)
    .map(([by, says]) => `${points(account[`change_by_${by}`])} by ${says}`);

function aboutRisk(account, days) {
  if (left(account)) return ["no order for so long that it is not scored any more"];
  if (toWinBack(account)) return [`stopped ordering; patience ended on ${account.crossed_on}`,
    known(account.reorder_180) ? "" : data.order_again];
  const silent = days.map((each) => `no order in ${each} days: ${percent(account[`risk_${each}`])}`);
  return [`of ${data.defection}`, ...silent];
}

function figures(account) {
  const main = known(account.departure_risk) ? null : about.horizon_days;
  const other = [30, 90, 180].filter((days) => known(account[`risk_${days}`]) && days !== main);
  const interval = known(account.next_year_low)
    ? `next year ${whole(account.next_year_low)} to ${money(account.next_year_high)} if it stays; so do 9 in 10 such accounts`
    : about.value_basis || "";
  const told = [
    ["Risk", [known(account.risk) ? percent(account.risk) : "", band(account)], aboutRisk(account, other)],
    ["Already gone", account.slip_chance >= 0.0005 && [percent(account.slip_chance)],
      [`the order expected on ${account.due_on} is overdue`]],
    ["Orders again", known(account.reorder_180) && [percent(account.reorder_180)],
      ["of such accounts, within 180 days without a call",
       known(account.reorder_90) ? `${percent(account.reorder_90)} within 90 days` : ""]],
    ["Value", known(account.call_value) && [money(account.call_value)], [toWinBack(account) ? "in the year before its last order" : ""]],
    ["Call score", known(account.call_score) && [whole(account.call_score)], []],
    ["Expected loss", known(account.expected_loss) && [money(account.expected_loss)],
      []],
    ["Next order expected", !toWinBack(account) && [account.due_on],
      [account.days_past_due > 0 ? `${counted(account.days_past_due, "day")} overdue` : ""]],
    ["Value at stake", known(account.value_at_stake) && [money(account.value_at_stake)], [interval]],
    ["Silent", known(account.days_silent) && [counted(account.days_silent, "day")],
      [known(account.usual_gap) ? `usual gap ${counted(account.usual_gap, "day")}` : "no usual gap known"]],
    ["Change", [changed(account) || account.change_kind],
      [account.change_kind === "new" && changed(account) ? "new on the list" : "",
       known(account.previous_risk) ? `risk was ${percent(account.previous_risk)}` : "",
       ...moved(account)]],
    ["Last order", [account.last_order_at], []],
    ["Last touch", [account.last_touch_at], []],
    ["Owner", [own(account.owner_id)], []],
    ["Tier", [account.tier],
      [known(account.best_tier) && account.best_tier !== account.tier ? `${account.best_tier} within the last two years` : "",
       known(account.effort) ? `effort: ${account.effort}` : ""]],
  ];
  return el("dl", { class: "figures" },
    told.filter(([, said]) => said && said.some((part) => known(part) && part !== "")).map(([term, said, more]) =>
      el("div", {}, el("dt", {}, term), el("dd", { class: "big" }, said),
        more.filter(Boolean).map((text) => el("dd", { class: "small" }, text)))));
}

function why(account) {
  const reasons = numbered(account, "reason");
  if (!reasons.length) return null;
  const families = numbered(account, "reason_family");
  const influence = { yes: "We can influence this.", no: "We cannot influence this: record it, do not chase it.",
    unclear: "Whether we can influence this is unclear." }[account.controllable];
  return [
    el("h3", {}, "Why"),
    el("ol", { class: "reasons" }, reasons.map((text, place) =>
      el("li", {}, sentence(text), families[place] ? el("span", { class: "badge" }, familyLabel(families[place])) : null))),
    influence ? el("p", { class: "quiet" }, influence) : null,
  ];
}

function cardOf(line) {
  const { account } = line;
  const place = shown.indexOf(line);
  const step = (by, text) =>
    el("button", { type: "button", "data-step": by, disabled: !shown[place + by] }, text);
  const body = el("div", { class: "card-body" },
    el("h2", { id: "card-title", tabindex: -1 }, own(title(account)), keyAccount(account)),
    el("p", { class: "quiet" },
      [account.name ? own(account.account_id) : null,
       account.key_account_note,
       account.thin_history ? "thin history: fewer than three order days known" : null]
        .filter(Boolean).flatMap((part, place) => (place ? ["; ", part] : [part]))),
    figures(account),
    why(account),
    account.play ? [el("h3", {}, "What to do"), el("p", { class: "play" }, whatToDo(account))] : null,
    el("h3", {}, `The last ${months.length} months, as known at the snapshot`),
    el("div", { class: "charts" },
      CHARTS.filter(({ name }) => series.includes(name)).map((kind) => chart(account, kind))),
    data.wanting.map((text) => el("p", { class: "small" }, text)),
    monthsTable(account),
    el("p", { class: "print-only small" }, `${data.name}, as of ${data.as_of}`),
  );
  return [
    el("div", { class: "card-bar" }, step(-1, "\u2190 Previous"), step(1, "Next \u2192"),
      el("p", { class: "place" }, `${whole(place + 1)} of ${whole(shown.length)}`),
      el("button", { type: "button", "data-print": true }, "Print"),
      el("button", { type: "button", "data-close": true }, "Close")),
    body,
  ];
}

// The address names the open account, so that it can be kept or sent to a colleague.
const marked = (account) => `#account=${encodeURIComponent(account.account_id)}`;
const address = (mark) => history.replaceState(null, "", mark || location.pathname + location.search);

function showMarked() {
  const line = lines.find(({ account }) => marked(account) === location.hash);
  if (line) show(line);
}

function show(line) {
  current = line;
  address(marked(line.account));
  card.replaceChildren(...cardOf(line));
  if (!card.open) card.showModal();
  card.scrollTop = 0;
  byId("card-title").focus({ preventScroll: true });
}

function go(by) {
  const next = shown[shown.indexOf(current) + by];
  if (next) show(next);
}

// --- what people do ------------------------------------------------------------------------------

const lineOf = (element) => lines.find((line) => line.row === element.closest("tr"));

byId("search").addEventListener("input", (event) => {
  state.words = plain(event.target.value).split(/\s+/).filter(Boolean);
  update();
});
byId("filters").addEventListener("change", (event) => {
  state.chosen[event.target.dataset.filter] = event.target.value;
  update();
});
byId("sort").addEventListener("change", (event) => {
  const [key, direction] = event.target.value.split(" ");
  Object.assign(state, { sort: key, direction: Number(direction) });
  update();
});
byId("headings").addEventListener("click", (event) => {
  if (event.target.closest("button")) sortBy(event.target.closest("th").dataset.key);
});
byId("clear").addEventListener("click", () => {
  Object.assign(state, { words: [], chosen: {} });
  byId("search").value = "";
  for (const select of byId("filters").querySelectorAll("select")) select.value = "";
  update();
  byId("search").focus();
});
byId("print").addEventListener("click", () => window.print());
byId("rows").addEventListener("click", (event) => {
  if (!String(window.getSelection())) show(lineOf(event.target));
});
byId("rows").addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const next = by && shown[shown.indexOf(lineOf(event.target)) + by];
  if (!next) return;
  event.preventDefault();
  next.row.querySelector(".open").focus();
});
card.addEventListener("click", (event) => {
  const { step, print, close } = event.target.dataset;
  if (step) go(Number(step));
  if (print !== undefined) window.print();
  if (close !== undefined || event.target === card) card.close();
});
card.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by) go(by);
});
card.addEventListener("close", () => {
  address("");
  current.row.querySelector(".open").focus();
});
window.addEventListener("hashchange", showMarked);
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || card.open || event.target.matches("input, select")) return;
  event.preventDefault();
  byId("search").focus();
});

drawFrame();
update();
showMarked();
