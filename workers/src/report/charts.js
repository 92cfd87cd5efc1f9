// Draws the charts of a report from the data that it carries. The tables below them say the same.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const policies = data.settings.policies;
  const rows = data.rows.filter((row) => !row.lagged && !row.unbalanced);
  const budget = data.settings.budget_us / 1000;
  const currency = data.prices.currency;
  const colour = { domain: policies, range: policies.map((_, i) => `var(--c${i % 8})`) };
  // Shapes with an inside: hollow and filled ones of a policy are the same shape.
  const shapes = ["circle", "square", "triangle", "diamond2", "star", "hexagon", "cross", "wye"];
  const symbol = { domain: policies, range: policies.map((_, i) => shapes[i % 8]) };
  const style = { fontSize: "12px", fontFamily: "inherit", background: "none" };
  const rates = [...new Set(rows.map((row) => row.rate))].sort((a, b) => a - b);
  const ms = (row, name) => row[name].median === null ? null : row[name].median / 1000;
  const drawn = (row) => ms(row, "p99_us") !== null;
  const count = d3.format(",");
  const short = (value) => value >= 1000 ? d3.format("~s")(value) : d3.format("~r")(+value.toPrecision(3));

  // A log axis that spans little has few round numbers: then plain steps are the better marks.
  function ticks(values, width) {
    const [low, high] = d3.extent(values);
    const wanted = Math.max(2, Math.floor(width / 90));
    if (!(high / low > 12)) return d3.ticks(low, high, wanted);
    const all = [];
    for (let ten = 10 ** Math.floor(Math.log10(low)); ten <= high * 10; ten *= 10) {
      for (const step of high / low > 2000 ? [1] : [1, 2, 5]) all.push(step * ten);
    }
    const inside = all.filter((tick) => tick >= low / 1.2 && tick <= high * 1.2);
    return inside.filter((_, i) => i % Math.ceil(inside.length / (wanted + 1)) === 0);
  }

  const axis = (values, label, size) => ({ type: "log", label, nice: false, grid: true, ticks: ticks(values, size), tickFormat: short });

  function curves(width, value, label, more) {
    const shown = rows.filter((row) => value(row) !== null);
    const values = shown.map(value).concat(more.levels ?? []);
    const height = Math.min(380, Math.max(260, width * 0.5));
    return Plot.plot({
      width, height, style, marginLeft: 52, marginRight: 16, marginBottom: 40, marginTop: 30, color: colour, symbol,
      x: axis(rates, "jobs offered a second →", width), y: axis(values, label, height * 1.6),
      marks: [
        ...(more.levels ?? []).map((level) => Plot.ruleY([level], { stroke: "var(--bad)", strokeDasharray: "5 4" })),
        ...(more.levels ?? []).map((level) => Plot.text([level], { x: rates.at(-1), y: level, text: [more.levelName], textAnchor: "end", dy: -7, fill: "var(--bad)" })),
        Plot.line(shown, { x: "rate", y: value, stroke: "policy", strokeWidth: 1.75 }),
        Plot.dot(shown.filter((row) => row.steady), { x: "rate", y: value, fill: "policy", symbol: "policy", r: 4, title: (row) => `${row.policy} at ${count(row.rate)}/s: ${short(value(row))}` }),
        Plot.dot(shown.filter((row) => !row.steady), { x: "rate", y: value, stroke: "policy", fill: "var(--page)", symbol: "policy", r: 4, title: (row) => `${row.policy} at ${count(row.rate)}/s: not steady` }),
      ],
    });
  }

  function tradeoff(width, rate) {
    const here = rows.filter((row) => row.rate === rate && row.steady && drawn(row));
    if (here.length === 0) return null;
    const cost = (row) => row.worker_time_us_per_job.median / 1000;
    const latency = (row) => ms(row, "p99_us");
    const front = here.filter((row) => row.dominated === false).sort((a, b) => cost(a) - cost(b));
    const wide = (values) => { const [low, high] = d3.extent(values); return [low / 1.25, high * 1.25]; };
    return Plot.plot({
      width, height: 230, style, marginLeft: 48, marginRight: 16, marginBottom: 38, marginTop: 22, color: colour, symbol,
      x: { ...axis(wide(here.map(cost)), "worker ms a job →", width), domain: wide(here.map(cost)) },
      y: { ...axis(wide(here.map(latency)), "↑ p99, ms", 300), domain: wide(here.map(latency)) },
      marks: [
        Plot.line(front, { x: cost, y: latency, stroke: "var(--quiet)", curve: "step-before", strokeDasharray: "2 3" }),
        Plot.dot(here.filter((row) => !row.dominated), { x: cost, y: latency, fill: "policy", symbol: "policy", r: 6 }),
        Plot.dot(here.filter((row) => row.dominated), { x: cost, y: latency, stroke: "policy", symbol: "policy", r: 5, strokeOpacity: 0.8 }),
        Plot.dot(here.filter((row) => row.knee), { x: cost, y: latency, r: 11, stroke: "var(--ink)" }),
        Plot.tip(here, Plot.pointer({ x: cost, y: latency, title: (row) => `${row.policy}${row.dominated ? ", dominated" : ""}`, fill: "var(--panel)" })),
      ],
    });
  }

  function stages(width, rate) {
    const names = Object.keys(rows[0].stages_us_per_job);
    const here = rows.filter((row) => row.rate === rate && row.steady);
    if (here.length === 0) return null;
    const bars = here.flatMap((row) => names.map((stage) => ({ policy: row.policy, stage, ms: row.stages_us_per_job[stage] / 1000 })));
    return Plot.plot({
      width, height: 46 + here.length * 26, style, marginLeft: 118, marginRight: 12, marginBottom: 36, marginTop: 6,
      x: { label: "ms a job, on the mean →", grid: true, ticks: Math.max(2, Math.floor((width - 130) / 60)), tickFormat: short }, y: { label: null, domain: here.map((row) => row.policy) },
      color: { domain: names, range: names.map((_, i) => `var(--s${i})`) },
      marks: [Plot.barX(bars, { x: "ms", y: "policy", fill: "stage", order: names, title: (bar) => `${bar.policy}, ${bar.stage}: ${short(bar.ms)} ms` }), Plot.ruleX([0])],
    });
  }

  const draw = {
    latency: (width) => curves(width, (row) => ms(row, "p99_us"), "↑ p99 latency, ms", { levels: [budget], levelName: `budget ${short(budget)} ms` }),
    worker: (width) => curves(width, (row) => row.worker_time_us_per_job.median / 1000 || null, "↑ worker ms a job", {}),
    price: (width) => curves(width, (row) => row.price_per_million.median || null, `↑ ${currency} a million jobs`, {}),
  };
  const each = { tradeoff, stages };

  function fill(place) {
    const width = Math.floor(place.clientWidth);
    if (width < 50 || place.dataset.width === String(width)) return;
    place.dataset.width = String(width);
    const chart = place.dataset.rate ? each[place.dataset.chart](width, Number(place.dataset.rate)) : draw[place.dataset.chart](width);
    place.replaceChildren(chart ?? "No policy was steady here.");
    const svg = place.querySelector("svg");
    if (svg) {
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", place.dataset.label);
    }
  }

  const places = document.querySelectorAll(".chart");
  for (const place of places) fill(place);
  addEventListener("resize", () => { for (const place of places) fill(place); });
})();
