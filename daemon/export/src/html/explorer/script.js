"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("explorer-data").textContent);
  const [section, canvas, row] = ["explorer", "explorer-canvas", "explorer-row"].map(byId);
  section.hidden = false;
  const draw = canvas.getContext("2d");
  // When each stage ended, who took the time, and the color of that.
  const STAGES = [
    ["waits for the client", "--client"],
    ["is sent", "--kernel"],
    ["waits for the response", "--server"],
    ["is received", "--series-5"],
    ["is read by the client", "--treatment"],
  ];
  const requests = data.requests.map((request) => {
    const [due, ...ends] = request.t;
    const parts = [];
    let from = due;
    ends.forEach((end, stage) => {
      if (end === null || end < from) return;
      parts.push([from, end, stage]);
      from = end;
    });
    let at = due;
    const events = request.events === undefined ? [] : request.events.split(",").map((event) => {
      const [apart, together] = event.split("*");
      at += parseInt(apart, 36);
      return [at, together === undefined ? 1 : Number(together)];
    });
    return { ...request, due, ended: from, parts, events };
  });
  const last = Math.max(...requests.map((request) => request.ended), 1);
  // Requests that overlap are on lanes of their own.
  const free = [];
  for (const request of requests) {
    let lane = free.findIndex((until) => until <= request.due);
    if (lane < 0) lane = free.push(0) - 1;
    free[lane] = request.ended;
    request.lane = lane;
  }
  const series = data.series.filter((one) => one.points.some(([, value]) => value !== one.points[0][1]) || one.points.some(([, value]) => value !== 0));
  let [begin, end, chosen] = [0, last, -1];

  const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  const seconds = (us) => `${(us / 1e6).toFixed(us < 1e7 ? 4 : 2)} s`;
  const ms = (us) => `${(us / 1e3).toFixed(3)} ms`;
  const notes = [`${count(requests.length, "request", "requests")} of ${data.of.toLocaleString("en")}`];
  if (requests.length < data.of) notes.push("the slowest, the first that failed, and others evenly over the run");
  notes.push(data.is_kernel ? "stages by the kernel's stamps, due and read by the client" : "stages by the client's clock readings");
  if (requests.some((request) => request.events.length > 0)) notes.push("events show when there is room: zoom in");
  if (data.without_events > 0) notes.push(`${count(data.without_events, "request is", "requests are")} without events`);
  if (data.series_left_out > 0) notes.push(`${count(data.series_left_out, "curve is", "curves are")} left out`);
  byId("explorer-what").textContent = `${notes.join("; ")}.`;
  for (const [name, color] of [...STAGES, ["an event", "--text"], ["events that share a segment", "--text"], ["failed, or sent again", "--refused"]]) {
    const item = document.createElement("span");
    const mark = document.createElement("i");
    mark.className = `mark mark${color}`;
    if (name.includes("share")) mark.className += " mark-shared";
    if (name === "an event") mark.className += " mark-tick";
    item.append(mark, name);
    byId("explorer-legend").append(item);
  }

  const LEFT = 8, AXIS = 26, LANES = Math.min(300, free.length * 22), STRIP = 54;
  const height = () => AXIS + LANES + series.length * STRIP;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const width = () => canvas.clientWidth - 2 * LEFT;
  const place = (us) => LEFT + (us - begin) / (end - begin) * width();
  const laneHeight = (shown) => Math.min(22, LANES / Math.max(1, shown));

  // The lanes that have a request in sight, each with its place from the top.
  const lanesShown = () => {
    const lanes = new Set(requests.filter((one) => one.ended >= begin && one.due <= end).map((one) => one.lane));
    return new Map([...lanes].sort((one, other) => one - other).map((lane, index) => [lane, index]));
  };

  const axis = (colors) => {
    const rough = (end - begin) / Math.max(2, width() / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    draw.fillStyle = colors.muted;
    draw.strokeStyle = colors.grid;
    draw.textAlign = "center";
    // Of great numbers one more may be the same.
    const first = Math.ceil(begin / step);
    for (let tick = 0; tick < 200; tick += 1) {
      const at = (first + tick) * step;
      if (at > end) break;
      const x = Math.round(place(at)) + 0.5;
      draw.beginPath();
      draw.moveTo(x, AXIS - 4);
      draw.lineTo(x, height());
      draw.stroke();
      const unit = step >= 1e6 ? `${(at / 1e6).toFixed(0)} s` : step >= 1e3 ? `${(at / 1e6).toFixed(3)} s` : `${(at / 1e3).toFixed(3)} ms`;
      draw.fillText(unit, Math.min(Math.max(x, 24), canvas.clientWidth - 24), 14);
    }
  };

  const lane = (request, top, tall, colors) => {
    const bar = Math.max(1, tall - (tall > 4 ? 2 : 0));
    for (const [from, to, stage] of request.parts) {
      if (to < begin || from > end) continue;
      const x = Math.max(place(from), 0);
      draw.fillStyle = request.error === undefined ? colors.stages[stage] : colors.refused;
      draw.globalAlpha = stage === 3 ? 0.55 : 1;
      // One that failed at once is still to be seen.
      const least = request.error === undefined ? 0.75 : 3;
      draw.fillRect(x, top, Math.max(Math.min(place(to), canvas.clientWidth) - x, least), bar);
      draw.globalAlpha = 1;
    }
    if (tall >= 6) {
      draw.fillStyle = colors.text;
      // Events that lie closer than can be told apart are for a closer look.
      const apart = (request.ended - request.due) / (end - begin) * width() / Math.max(1, request.events.length);
      for (const [at, together] of apart < 3 ? [] : request.events) {
        if (at < begin || at > end) continue;
        const x = place(at);
        draw.fillRect(x - 0.5, top + 1, together > 1 ? 2.5 : 1, bar - 2);
        if (together > 1) draw.fillRect(x - 2, top, 5, 2.5);
      }
      if (request.again !== undefined) {
        draw.fillStyle = colors.refused;
        draw.beginPath();
        draw.moveTo(place(request.due), top);
        draw.lineTo(place(request.due) + 7, top);
        draw.lineTo(place(request.due), top + 7);
        draw.fill();
      }
    }
  };

  const strip = (one, top, colors) => {
    const values = one.points.map(([, value]) => value);
    const most = Math.max(...values, 0), least = Math.min(...values, 0);
    const y = (value) => top + STRIP - 6 - (value - least) / (most - least || 1) * (STRIP - 24);
    draw.save();
    draw.beginPath();
    draw.rect(LEFT, top, width(), STRIP);
    draw.clip();
    draw.strokeStyle = one.is_gpu ? colors.gpu : colors.server;
    draw.lineWidth = 1.5;
    draw.beginPath();
    let before = null;
    for (const [at, value] of [...one.points, [last, values[values.length - 1]]]) {
      if (before === null) draw.moveTo(place(at), y(value));
      else {
        draw.lineTo(place(at), y(before));
        draw.lineTo(place(at), y(value));
      }
      before = value;
    }
    draw.stroke();
    draw.restore();
    draw.textAlign = "left";
    draw.fillStyle = colors.text;
    const number = (value) => Number(value.toPrecision(3)).toLocaleString("en");
    const apart = one.points.length > 1 ? (one.points[one.points.length - 1][0] - one.points[0][0]) / (one.points.length - 1) / 1e3 : 0;
    const sampled = apart > 0 ? `, sampled every ${number(apart)} ms` : "";
    draw.fillText(`${one.name}: ${number(least)} to ${number(most)} ${one.unit}${sampled}`, LEFT, top + 10);
  };

  const paint = () => {
    const ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${height()}px`;
    [canvas.width, canvas.height] = [canvas.clientWidth * ratio, height() * ratio];
    draw.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw.clearRect(0, 0, canvas.clientWidth, height());
    draw.font = "12px system-ui, sans-serif";
    const colors = {
      stages: STAGES.map(([, name]) => color(name)),
      ...Object.fromEntries(["text", "muted", "grid", "refused", "gpu", "server", "axis"].map((name) => [name, color(`--${name}`)])),
    };
    axis(colors);
    const lanes = lanesShown();
    const tall = laneHeight(lanes.size);
    requests.forEach((request, index) => {
      if (request.ended < begin || request.due > end) return;
      const top = AXIS + lanes.get(request.lane) * tall;
      lane(request, top, tall, colors);
      if (index === chosen) {
        draw.strokeStyle = colors.text;
        draw.lineWidth = 2;
        const x = place(request.due);
        draw.strokeRect(x - 2, top - 1, Math.max(place(request.ended) - x, 1) + 4, Math.max(tall, 3));
        draw.lineWidth = 1;
      }
    });
    series.forEach((one, index) => strip(one, AXIS + LANES + index * STRIP, colors));
  };

  const put = (parent, name, text) => {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  };

  // The numbers of the chosen request.
  const show = () => {
    row.replaceChildren();
    const request = requests[chosen];
    if (request === undefined) return;
    put(row, "h3", `Request ${request.id}: session ${request.at[0]}, turn ${request.at[1]}, due at ${seconds(request.due)}`);
    const table = document.createElement("table");
    const head = put(table, "tr", "");
    for (const [name, side] of [["Stage", ""], ["Took", "right"], ["Ended, since due", "right"]]) put(head, "th", name).className = side;
    for (const [from, to, stage] of request.parts) {
      const line = put(table, "tr", "");
      put(line, "td", STAGES[stage][0]);
      put(line, "td", ms(to - from)).className = "right";
      put(line, "td", ms(to - request.due)).className = "right";
    }
    row.append(table);
    const shared = request.events.filter(([, together]) => together > 1).length;
    const events = request.events.reduce((sum, [, together]) => sum + together, 0);
    const facts = [
      request.error === undefined ? "completed" : `failed: ${request.error}`,
      request.tokens[0] === null ? null : count(request.tokens[0], "token in", "tokens in"),
      request.tokens[1] === null ? null : count(request.tokens[1], "token out", "tokens out"),
      events > 0 ? `${count(events, "event", "events")} in ${count(request.events.length, "arrival", "arrivals")}, ${shared} of them shared` : null,
      request.again === undefined ? null : `${count(request.again, "segment", "segments")} sent again`,
    ];
    put(row, "p", `${facts.filter((fact) => fact !== null).join("; ")}.`).className = "muted";
  };

  const look = (from, to) => {
    const least = 20;
    const length = Math.min(Math.max(to - from, least), last * 1.02);
    begin = Math.min(Math.max(from, -last * 0.01), last * 1.01 - length);
    end = begin + length;
    paint();
  };
  const zoom = (factor, at = (begin + end) / 2) => look(at - (at - begin) * factor, at + (end - at) * factor);
  const move = (share) => look(begin + (end - begin) * share, end + (end - begin) * share);
  const choose = (index) => {
    chosen = Math.min(Math.max(index, 0), requests.length - 1);
    const { due, ended } = requests[chosen];
    show();
    if (ended < begin || due > end) look((due + ended) / 2 - (end - begin) / 2, (due + ended) / 2 + (end - begin) / 2);
    else paint();
  };
  const focus = () => {
    if (chosen < 0) return;
    const { due, ended } = requests[chosen];
    const around = Math.max(ended - due, 20) * 0.1;
    look(due - around, ended + around);
  };
  const failed = () => {
    const next = requests.findIndex((one, index) => index > chosen && one.error !== undefined);
    const first = requests.findIndex((one) => one.error !== undefined);
    if (first >= 0) choose(next >= 0 ? next : first);
  };
  if (requests.every((one) => one.error === undefined)) document.querySelector("[data-do=failed]").hidden = true;
  const slowest = () => choose(requests.reduce((best, one, index) => (one.ended - one.due > requests[best].ended - requests[best].due ? index : best), 0));
  const ACTIONS = {
    whole: () => look(0, last),
    in: () => zoom(0.5),
    out: () => zoom(2),
    left: () => move(-0.25),
    right: () => move(0.25),
    previous: () => choose(chosen - 1),
    next: () => choose(chosen + 1),
    slowest,
    failed,
    focus,
  };
  const KEYS = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", ArrowUp: "previous", ArrowDown: "next", Enter: "focus", Home: "whole", Escape: "whole" };
  section.addEventListener("click", (event) => {
    const action = ACTIONS[event.target.dataset?.do];
    if (action !== undefined) action();
  });
  canvas.addEventListener("keydown", (event) => {
    const action = KEYS[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    ACTIONS[action]();
  });
  const pointed = (event) => {
    const box = canvas.getBoundingClientRect();
    return [begin + (event.clientX - box.left - LEFT) / width() * (end - begin), event.clientY - box.top];
  };
  canvas.addEventListener("wheel", (event) => {
    // Without a modifier the page scrolls.
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 || event.deltaX > 0 ? 1.25 : 0.8, pointed(event)[0]);
  }, { passive: false });
  let held = null;
  canvas.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, begin, end, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (held === null) return;
    const apart = (held.x - event.clientX) / width() * (held.end - held.begin);
    if (Math.abs(held.x - event.clientX) > 3) held.moved = true;
    if (held.moved) look(held.begin + apart, held.end + apart);
  });
  canvas.addEventListener("pointerup", (event) => {
    const was = held;
    held = null;
    if (was === null || was.moved) return;
    const [at, y] = pointed(event);
    const lanes = lanesShown();
    const wanted = Math.floor((y - AXIS) / laneHeight(lanes.size));
    const slack = (end - begin) / width() * 4;
    let [best, distance] = [-1, Number.MAX_VALUE];
    requests.forEach((one, index) => {
      if (lanes.get(one.lane) !== wanted) return;
      const apart = at < one.due ? one.due - at : at > one.ended ? at - one.ended : 0;
      if (apart < distance) [best, distance] = [index, apart];
    });
    if (best >= 0 && distance <= slack * 5) choose(best);
  });
  canvas.addEventListener("dblclick", focus);
  window.addEventListener("resize", paint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  window.addEventListener("beforeprint", paint);
  look(0, last);
  slowest();
})();
