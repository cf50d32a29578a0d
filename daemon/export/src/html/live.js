"use strict";
const connection = document.getElementById("connection");
const source = new EventSource("events");
const fill = (event) => {
  for (const [name, html] of Object.entries(JSON.parse(event.data))) {
    const part = document.getElementById(name);
    if (part) part.innerHTML = html;
  }
};
source.onopen = () => { connection.textContent = "live"; };
source.onmessage = fill;
source.addEventListener("end", (event) => {
  source.close();
  fill(event);
  connection.textContent = "ended";
});
source.onerror = () => {
  connection.textContent =
    source.readyState === EventSource.CLOSED ? "not connected" : "connection lost; trying again";
};
