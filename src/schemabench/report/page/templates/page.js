"use strict";
// The page's own script: draws charts, sorts tables, switches between dark and light. The page can be read without it.

const THEMES = ["light", "dark"];
const CHART_STYLE = {
  autosize: { type: "fit-x", contains: "padding" },
  background: "transparent",
  font: getComputedStyle(document.body).fontFamily, // a name: labels are measured before they are drawn
  axis: {
    labelColor: "currentColor",
    titleColor: "currentColor",
    titleFontWeight: "normal",
    labelFontSize: 11,
    titleFontSize: 11,
    gridColor: "var(--grid)",
    domainColor: "var(--line)",
    tickColor: "var(--line)",
    labelOverlap: "greedy",
    labelSeparation: 6,
  },
  axisY: { labelLimit: Math.min(240, window.innerWidth / 3) },
  text: { fontSize: 11 },
  view: { stroke: null },
};
const CHART_OPTIONS = {
  actions: false,
  ast: true, // expressions are interpreted, so that the policy need not admit eval
  config: CHART_STYLE,
  defaultStyle: false, // nor a style sheet of Vega's
  renderer: "svg",
  tooltip: { disableDefaultStyle: true },
};

async function drawCharts() {
  for (const plot of document.querySelectorAll(".plot")) {
    const specification = JSON.parse(plot.parentElement.querySelector(".specification").textContent);
    try {
      await window.vegaEmbed(plot, specification, CHART_OPTIONS);
    } catch (error) {
      plot.textContent = `The chart cannot be drawn: ${error.message}. Its figures stand below.`;
      plot.parentElement.querySelector("details").open = true;
      console.error(error);
    }
  }
}

function sortable(table) {
  table.querySelectorAll("thead th").forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, heading, column));
  });
}

function sort(table, heading, column) {
  const numeric = heading.classList.contains("number");
  const first = numeric ? "descending" : "ascending";
  const other = numeric ? "ascending" : "descending";
  const order = heading.getAttribute("aria-sort") === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((one, another) => compare(one.cells[column], another.cells[column], numeric, sign));
  for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  body.append(...rows);
}

// What has no figure to be sorted by comes last, whichever way.
function compare(one, another, numeric, sign) {
  if (!numeric) return sign * one.textContent.localeCompare(another.textContent, "en", { numeric: true });
  const [left, right] = [one, another].map((cell) => ("sort" in cell.dataset ? Number(cell.dataset.sort) : null));
  if (left === null || right === null) return (left === null) - (right === null);
  return sign * (left - right);
}

function themed() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const preferred = window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const show = (theme) => {
    root.dataset.theme = theme;
    button.textContent = THEMES.find((other) => other !== theme);
    button.setAttribute("aria-label", `Switch to ${button.textContent} colours`);
  };
  show(preferred);
  button.hidden = false;
  button.addEventListener("click", () => show(THEMES.find((other) => other !== root.dataset.theme)));
}

themed();
document.querySelectorAll("table.sortable").forEach(sortable);
drawCharts();
