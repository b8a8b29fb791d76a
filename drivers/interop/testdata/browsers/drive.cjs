// Drives a browser for the tests: node drive.cjs chromium|firefox-esr PROGRAM PROFILE HOST:PORT KEY.
//
// It speaks HTTP/3 with the server of that name, and takes a certificate of the key with that hash. Each line of the input is a command, a name and its arguments in a JSON array, and has a line of the output for an
// answer. The end of the input ends the browser.
const puppeteer = require("puppeteer-core");
const readline = require("readline");

const [name, program, profile, quic, key] = process.argv.slice(2);

// A host via-PORT.interop.test is behind the proxy at that port of loopback.
const pac = "data:application/x-ns-proxy-autoconfig," + encodeURIComponent(`function FindProxyForURL(url, host) {
  var via = /^via-(\\d+)\\./.exec(host);
  return via ? "PROXY localhost:" + via[1] : "DIRECT";
}`);

const browsers = {
  chromium: {
    browser: "chrome",
    args: [
      "--no-sandbox", // of root
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--auth-server-allowlist=localhost,*.interop.test",
      "--enable-features=EnableAmbientAuthenticationInIncognito", // which each session is
      "--disable-auth-negotiate-cname-lookup",
      "--host-resolver-rules=MAP * 127.0.0.1",
      "--ignore-certificate-errors-spki-list=" + key,
      "--origin-to-force-quic-on=" + quic,
      "--proxy-pac-url=" + pac,
    ],
  },
  "firefox-esr": {
    browser: "firefox",
    extraPrefsFirefox: {
      "network.negotiate-auth.trusted-uris": "localhost,.interop.test",
      "network.negotiate-auth.allow-non-fqdn": true,
      "network.proxy.type": 2,
      "network.proxy.autoconfig_url": pac,
      "network.dns.localDomains": quic.split(":")[0],
      "network.http.http3.alt-svc-mapping-for-testing": quic.replace(":", ";h3=:"),
      "network.http.http3.disable_when_third_party_roots_found": false,
      // No requests but those of the test.
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      "network.http.speculative-parallel-limit": 0,
      "browser.chrome.site_icons": false,
    },
  },
};

async function main() {
  const browser = await puppeteer.launch({
    ...browsers[name],
    executablePath: program,
    userDataDir: profile,
    headless: true,
    acceptInsecureCerts: true,
    protocolTimeout: 30000,
  });
  let context, page;
  const commands = {
    version: () => browser.version(),
    // open begins a session, in which nothing is remembered. The name and the password are what the user types.
    open: async (username, password) => {
      context = await browser.createBrowserContext();
      page = await context.newPage();
      if (username) await page.authenticate({ username, password });
      return true;
    },
    get: async (url) => {
      const response = await page.goto(url, { timeout: 15000 });
      return { status: response.status(), text: await page.evaluate(() => document.body.innerText) };
    },
    post: (url, body) =>
      page.evaluate(
        async (url, body) => {
          const response = await fetch(url, { method: "POST", body });
          return { status: response.status, text: await response.text() };
        },
        url,
        body,
      ),
    close: async () => {
      await context.close();
      return true;
    },
  };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...args] = JSON.parse(line);
    const answer = await commands[command](...args).then(
      (value) => ({ value }),
      (error) => ({ error: error.message }),
    );
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
