/* Beside each time, which is told by UTC, the same moment by the reader's own clock, if that is another one. */
for (const element of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime()) || moment.getTimezoneOffset() === 0) continue;
  const local = document.createElement("span");
  local.className = "local-time";
  local.textContent = `(here ${moment.toLocaleString(document.documentElement.lang || undefined)})`;
  element.append(" ", local);
}
