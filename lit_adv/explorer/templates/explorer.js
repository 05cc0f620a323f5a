"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const at = (id) => document.getElementById(id);
const WAYS = { thesis: "thesis's", percentiles: "percentiles", agreement: "agreement" };
const FIGURES = {
  recognized: ["recognized", 100, "%", 0], auc: ["AUC", 1, "", 2], rho: ["ρ", 1, "", 2],
  accuracy: ["accuracy under attack", 100, "%", 0],
};
const PROPERTIES = {
  setting: (run) => run.setting,
  attack: (run) => run.attack + (run.weight === "none" ? "" : `, ${run.weight}`) + (run.targeted ? ", targeted" : ""),
  sigma: (run) => String(run.sigma),
};

function bytes(text) {
  const binary = atob(text), found = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) found[i] = binary.charCodeAt(i);
  return found;
}

for (const run of content.runs) {
  const cells = run.cells;
  cells.steps = new Int8Array(bytes(cells.steps).buffer);
  cells.weight = cells.weight && bytes(cells.weight);
}

const state = { run: 0, image: 0, m: 0, n: 0, way: "thesis", negated: true, photo: true };

/* δ of the cell as it was kept, [C·H·W]. */
function delta(run, m, n, image, way) {
  const cells = run.cells, [images, channels, height, width] = cells.shape;
  const size = channels * height * width, area = height * width;
  const first = ((m * cells.copies.length + n) * images + image) * size, unit = cells.unit[m][n][image];
  const found = new Float64Array(size);
  for (let i = 0; i < size; i++) found[i] = cells.steps[first + i] * unit;
  if (way === "agreement") for (let i = 0; i < size; i++) found[i] *= cells.weight[image * area + (i % area)] / 255;
  return found;
}

/* As lit_adv.perturbations.rendering and .showing do it: values in [0, 1], not clipped. */
function rendered(values, sign, way, targeted, area, mean, std) {
  if (way === "percentiles") clampTo(values, 0.01, 0.99);
  if (targeted) {
    const peak = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
    return values.map((v) => 0.5 + (sign * v) / peak / 2);
  }
  if (way === "percentiles") {
    let low = Infinity, high = -Infinity;
    for (const v of values) { low = Math.min(low, sign * v); high = Math.max(high, sign * v); }
    return values.map((v) => (high > low ? (sign * v - low) / (high - low) : 0.5));
  }
  const found = new Float64Array(values.length);
  for (let c = 0; c * area < values.length; c++) {
    const channel = values.subarray(c * area, (c + 1) * area);
    const centre = channel.reduce((sum, v) => sum + v, 0) / area;
    const spread = Math.sqrt(channel.reduce((sum, v) => sum + (v - centre) ** 2, 0) / area);
    for (let i = 0; i < area; i++) found[c * area + i] = (spread ? (sign * (channel[i] - centre)) / spread : 0) * std[c] + mean[c];
  }
  return found;
}

function clampTo(values, low, high) {
  const sorted = Float64Array.from(values).sort();
  const quantile = (share) => {
    const place = share * (sorted.length - 1), below = Math.floor(place), above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
  };
  const [least, most] = [quantile(low), quantile(high)];
  for (let i = 0; i < values.length; i++) values[i] = Math.min(Math.max(values[i], least), most);
}

function draw() {
  const run = content.runs[state.run], [, channels, height, width] = run.cells.shape, area = height * width;
  const values = delta(run, state.m, state.n, state.image, state.way);
  const shown = rendered(values, state.negated ? -1 : 1, state.way, run.targeted, area, run.cells.mean, run.cells.std);
  const canvas = at("average"), context = canvas.getContext("2d");
  canvas.width = width; canvas.height = height;
  const picture = context.createImageData(width, height);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) {
      const value = shown[(channels === 1 ? 0 : c) * area + i];
      picture.data[4 * i + c] = Math.round(Math.min(Math.max(value, 0), 1) * 255);
    }
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

function ends(values, [, scale, unit, digits]) {
  const [value, low, high] = values.map((v) => (v * scale).toFixed(digits));
  return `${value}${unit && " " + unit}` + (values.length > 1 ? ` [${low}, ${high}]` : "");
}

/* One small curve over m at this n, with the point of the page's m marked. */
function curve(run, name) {
  const [title] = FIGURES[name], models = run.cells.models, copies = run.cells.copies[state.n];
  const points = models.map((m) => (run.figures[`${m},${copies}`] || {})[name]);
  const now = points[state.m];
  const known = now && now.every((v) => v !== null);
  const x = (i) => 6 + (models.length > 1 ? (i / (models.length - 1)) * 148 : 74), y = (v) => 54 - 48 * Math.min(Math.max(v, 0), 1);
  const there = points.map((p, i) => [p, i]).filter(([p]) => p && p.every((v) => v !== null));
  const line = there.map(([p, i]) => `${x(i)},${y(p[0])}`).join(" ");
  const band = there.every(([p]) => p.length > 1)
    ? [...there.map(([p, i]) => `${x(i)},${y(p[2])}`), ...there.map(([p, i]) => `${x(i)},${y(p[1])}`).reverse()].join(" ") : "";
  const chance = { recognized: run.chance, auc: 0.5 }[name];
  const words = known ? ends(now, FIGURES[name]) : "not known";
  return `<div data-figure="${name}"><h2>${title}</h2><p>${words}</p>` +
    `<svg viewBox="0 0 160 60" role="img" aria-label="${title} against the number of models; at ${models[state.m]}: ${words}">` +
    `<line x1="6" y1="54" x2="154" y2="54" stroke="#767676"/><polygon points="${band}" fill="#ddd"/>` +
    (chance === undefined ? "" : `<line x1="6" x2="154" y1="${y(chance)}" y2="${y(chance)}" stroke="#767676" stroke-dasharray="3 3"/>`) +
    `<polyline points="${line}" fill="none" stroke="#1a1a1a" stroke-width="1.5"/>` +
    (known ? `<circle cx="${x(state.m)}" cy="${y(now[0])}" r="4" fill="#1a1a1a"/>` : "") + `</svg></div>`;
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

function say() {
  const run = content.runs[state.run], cells = run.cells, m = cells.models[state.m], n = cells.copies[state.n];
  const image = content.images[state.image], name = content.names[image.label];
  const aim = image.target === null ? "" : `, target ${content.names[image.target]}`;
  at("m-out").value = m; at("n-out").value = n;
  at("m").setAttribute("aria-valuetext", `${m} models`); at("n").setAttribute("aria-valuetext", `${n} copies`);
  at("caption").textContent = `${run.name}: ${m} × ${n} = ${m * n} perturbation${m * n > 1 ? "s" : ""}`;
  at("average").setAttribute("aria-label", `average of ${m * n} perturbations for ${name}`);
  at("label").textContent = `${name}${aim}`;
  const photograph = at("photograph");
  photograph.src = `data:image/png;base64,${image.png}`; photograph.alt = name;
  at("beside").hidden = !state.photo;
  const given = run.answers[`${m},${n}`];
  if (!run.judges.length || !given) at("answers").textContent = "";
  else {
    const wanted = image.target === null ? image.label : image.target, counts = new Map();
    given.forEach((judge) => counts.set(judge[state.image], (counts.get(judge[state.image]) || 0) + 1));
    const words = [...counts].sort((a, b) => b[1] - a[1])
      .map(([c, k]) => `${c === wanted ? "<b>" : ""}${escaped(content.names[c])}${c === wanted ? " ✓</b>" : ""}${run.judges.length > 1 ? ` (${k})` : ""}`);
    at("answers").innerHTML = `${run.judges.length} judge${run.judges.length > 1 ? "s" : ""} that had no part in it see: ${words.join(", ")}`;
  }
  at("curves").innerHTML = Object.keys(FIGURES)
    .filter((figure) => Object.values(run.figures).some((f) => f[figure] && f[figure][0] !== null)).map((figure) => curve(run, figure)).join("");
}

function keep() {
  const run = content.runs[state.run].cells;
  const words = { ...state, m: run.models[state.m], n: run.copies[state.n], negated: +state.negated, photo: +state.photo };
  history.replaceState(null, "", "#" + new URLSearchParams(words));
}

function choices(id, values, chosen, choose) {
  const box = at(id).querySelector(".choices");
  box.innerHTML = values.map(([value, html]) =>
    `<label><input type="radio" name="${id}" value="${escaped(value)}"${value === chosen ? " checked" : ""}>${html}</label>`).join("");
  box.querySelectorAll("input").forEach((input, i) => input.addEventListener("change", () => choose(values[i][0])));
}

/* The run with another value of a property and as many others unchanged as can be. */
function chooseRun(property, value) {
  const now = content.runs[state.run], same = (run) => Object.keys(PROPERTIES).filter((p) => PROPERTIES[p](run) === PROPERTIES[p](now)).length;
  const fitting = content.runs.map((run, i) => [run, i]).filter(([run]) => PROPERTIES[property](run) === value);
  enter(fitting.sort((a, b) => same(b[0]) - same(a[0]))[0][1]);
}

function nearest(values, wanted) {
  return values.reduce((best, v, i) => (Math.abs(v - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
}

function enter(number) {
  const old = content.runs[state.run].cells, m = old.models[state.m], n = old.copies[state.n];
  const aims = content.runs[number].targeted !== content.runs[state.run].targeted;
  state.run = number;
  const run = content.runs[number];
  state.m = nearest(run.cells.models, m); state.n = nearest(run.cells.copies, n);
  if (aims) state.negated = !run.targeted;
  if (state.way === "agreement" && !run.cells.weight) state.way = "thesis";
  controls(); update();
}

function controls() {
  const run = content.runs[state.run];
  for (const [property, of] of Object.entries(PROPERTIES)) {
    const values = [...new Set(content.runs.map(of))];
    at(property).hidden = values.length < 2;
    choices(property, values.map((v) => [v, escaped(v)]), of(run), (value) => chooseRun(property, value));
  }
  const ways = Object.entries(WAYS).filter(([way]) => way !== "agreement" || run.cells.weight);
  choices("way", ways, state.way, (value) => { state.way = value; update(); });
  choices("images", content.images.map((image, i) => [i, `<img src="data:image/png;base64,${image.png}" alt="${escaped(content.names[image.label])}">`]),
    state.image, (value) => { state.image = +value; update(); });
  at("m").max = run.cells.models.length - 1; at("n").max = run.cells.copies.length - 1;
  at("average").classList.toggle("small", run.cells.shape[3] <= 64);
  at("photograph").classList.toggle("small", run.cells.shape[3] <= 64);
}

function update() {
  at("m").value = state.m; at("n").value = state.n;
  at("negated").checked = state.negated; at("photo").checked = state.photo;
  draw(); say(); keep();
}

function move(axis, by) {
  const values = content.runs[state.run].cells[axis === "m" ? "models" : "copies"];
  state[axis] = Math.min(Math.max(state[axis] + by, 0), values.length - 1);
  update();
}

let playing = null;
function stop() {
  clearInterval(playing); playing = null; at("play").textContent = "Play";
}
function play() {
  if (playing !== null) return stop();
  const { models, copies } = content.runs[state.run].cells, steps = [];
  models.forEach((m, i) => copies.forEach((n, j) => { if (j === 0 || i === models.length - 1) steps.push([i, j]); }));
  const here = steps.findIndex(([i, j]) => i === state.m && j === state.n);
  let next = here < 0 || here === steps.length - 1 ? 0 : here;
  at("play").textContent = "Stop";
  playing = setInterval(() => {
    [state.m, state.n] = steps[next]; update();
    if (++next === steps.length) stop();
  }, 700);
}

function restore() {
  const words = new URLSearchParams(location.hash.slice(1));
  const number = (name, count) => (Number.isInteger(+words.get(name)) && +words.get(name) >= 0 && +words.get(name) < count ? +words.get(name) : 0);
  state.run = words.has("run") ? number("run", content.runs.length) : 0;
  const run = content.runs[state.run];
  state.image = words.has("image") ? number("image", content.images.length) : 0;
  state.m = words.has("m") ? nearest(run.cells.models, +words.get("m") || 0) : run.cells.models.length - 1;
  state.n = words.has("n") ? nearest(run.cells.copies, +words.get("n") || 0) : run.cells.copies.length - 1;
  state.way = words.get("way") in WAYS && (words.get("way") !== "agreement" || run.cells.weight) ? words.get("way") : "thesis";
  state.negated = words.has("negated") ? words.get("negated") === "1" : !run.targeted;
  state.photo = words.has("photo") ? words.get("photo") === "1" : true;
}

for (const axis of ["m", "n"]) at(axis).addEventListener("input", () => { stop(); state[axis] = +at(axis).value; update(); });
for (const name of ["negated", "photo"]) at(name).addEventListener("change", () => { state[name] = at(name).checked; update(); });
at("play").addEventListener("click", play);
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, button, summary, a") || event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { ArrowLeft: ["m", -1], ArrowRight: ["m", 1], ArrowDown: ["n", -1], ArrowUp: ["n", 1] };
  if (event.key in moves) { event.preventDefault(); stop(); move(...moves[event.key]); }
  else if (event.key === " ") { event.preventDefault(); play(); }
});
addEventListener("hashchange", () => { stop(); restore(); controls(); update(); });
restore(); controls(); update();
