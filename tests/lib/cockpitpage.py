"""A headless Chromium that looks at the page in Cockpit's own shell, inside a container's network: what a person sees and clicks.
Every wait is for what the page shows; a picture is left behind where one fails."""
import ctypes
import os
import shutil
import tempfile
import time
import unittest

from novatest import BUILD, SLOW

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

CLONE_NEWNET = 0x40000000
PICTURES = os.environ.get('NOVA_TEST_PICTURES')
ARGUMENTS = ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-sync',
             '--disable-component-update', '--no-first-run', '--disable-extensions', '--hide-scrollbars', '--lang=en', '--disable-features=Translate')
SEEN = """const e = [...document.querySelectorAll(arguments[0])].find(e => e.getClientRects().length);
          return e ? (e.innerText || e.value || '').trim() || '\\u200b' : null;"""


def needs():
    """Skips where there is no browser."""
    if webdriver is None:
        raise unittest.SkipTest('python3-selenium is not installed')
    for program in ('chromium', 'chromedriver'):
        if not shutil.which(program):
            raise unittest.SkipTest('%s is not installed' % program)


class Network:
    """This thread, and what it starts, in the network namespace of another process for a while."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        self.before = os.open('/proc/self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        with open('/proc/%d/ns/net' % self.pid, encoding='ascii') as f:
            self.enter(f.fileno())

    def __exit__(self, *_):
        self.enter(self.before)
        os.close(self.before)

    def enter(self, fd):
        if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'setns')


class Browser:
    def __init__(self, width=1280, height=1000):
        self.folder = tempfile.mkdtemp(prefix='nova-chromium.')
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which('chromium')
        for argument in ARGUMENTS + ('--user-data-dir=' + self.folder,):
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(service=Service(shutil.which('chromedriver')), options=options)
        self.size(width, height)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    def size(self, width, height):
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False})

    def picture(self, name):
        """Kept where NOVA_TEST_PICTURES names a folder."""
        if PICTURES:
            self.driver.save_screenshot(os.path.join(PICTURES, name + '.png'))

    def fail(self, text):
        path = os.path.join(BUILD, 'cockpit.failed.png')
        self.driver.save_screenshot(path)
        shown = self.js('return document.body.innerText')
        log = [entry['message'] for entry in self.driver.get_log('browser')][-10:]
        raise AssertionError('%s\npicture: %s\nshown: %s\nconsole: %s' % (text, path, shown[-3000:], log))

    def errors(self):
        """What the page complained of since last asked, Cockpit's own probes aside."""
        return [e['message'] for e in self.driver.get_log('browser') if e['level'] == 'SEVERE' and '/nova/' in e['message']]

    # --- where to look

    def login(self, user, password, page='nova'):
        """On a busy machine Cockpit's own time for a login may run out ("Connection failed"): once more, then."""
        try:
            self.enter(user, password, page)
        except AssertionError as e:
            if 'Connection failed' not in str(e):
                raise
            self.enter(user, password, page)

    def enter(self, user, password, page):
        self.driver.delete_all_cookies()
        self.driver.get('http://localhost:9090/' + page)
        self.fill('#login-user-input', user)
        self.fill('#login-password-input', password)
        self.click('#login-button')
        self.frame()

    def top(self):
        self.driver.switch_to.default_content()

    def frame(self, seconds=30):
        """Into the page's frame of the shell."""
        self.top()
        self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, 'iframe[name$="/nova"]') or None, 'the frame of the page', seconds)
        self.driver.switch_to.frame(self.driver.find_element(By.CSS_SELECTOR, 'iframe[name$="/nova"]'))
        self.until(lambda: self.text('main'), 'the page', seconds)

    def speak(self, language):
        """As Cockpit's own menu of languages does it."""
        self.top()
        self.js("""document.cookie = 'CockpitLang=' + arguments[0] + '; path=/; expires=Sun, 16 Jul 3567 06:23:41 GMT';
                   localStorage.setItem('cockpit.lang', arguments[0]);""", language)
        self.driver.refresh()
        self.frame()

    def go(self, address):
        """By the page's own address, as a link to it would."""
        self.js('window.location.hash = arguments[0]', address)

    # --- looking

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, css):
        """What is visible there, None if there is no such thing."""
        try:
            return self.js(SEEN, css)
        except WebDriverException:
            return None

    def until(self, condition, what, seconds=20):
        end = time.monotonic() + seconds * SLOW
        while True:
            try:
                value = condition()
            except WebDriverException:
                value = None
            if value:
                return value
            if time.monotonic() > end:
                self.fail('not within %g s: %s' % (seconds * SLOW, what))
            time.sleep(0.03)

    def shows(self, css, words='', seconds=20):
        """Waits until it is visible and has those words."""
        return self.until(lambda: (self.text(css) or '') if words in (self.text(css) or '') else None, '%s with %r' % (css, words), seconds)

    def gone(self, css, seconds=20):
        return self.until(lambda: self.text(css) is None, 'no ' + css, seconds)

    def busy(self):
        """Seconds of processor time that the page's thread has worked."""
        self.driver.execute_cdp_cmd('Performance.enable', {'timeDomain': 'threadTicks'})
        return next(m['value'] for m in self.driver.execute_cdp_cmd('Performance.getMetrics', {})['metrics'] if m['name'] == 'TaskDuration')

    # --- doing

    def click(self, css, seconds=20):
        def press():
            found = [e for e in self.driver.find_elements(By.CSS_SELECTOR, css) if e.is_displayed() and e.is_enabled()]
            if not found or found[0].get_attribute('aria-disabled') == 'true':
                return None
            found[0].click()
            return True
        self.until(press, 'a click on ' + css, seconds)

    def fill(self, css, text):
        def write():
            field = self.driver.find_element(By.CSS_SELECTOR, css)
            field.send_keys(Keys.CONTROL, 'a')
            field.send_keys(text or Keys.DELETE)
            return True
        self.until(write, css)

    def choose(self, css, value):
        self.until(lambda: self.js('return [...document.querySelector(arguments[0]).options].some(o => o.value === arguments[1])', css, value),
                   '%s with %r' % (css, value))
        self.js("""const e = document.querySelector(arguments[0]); e.focus();
                   Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(e, arguments[1]);
                   e.dispatchEvent(new Event('change', { bubbles: true }));""", css, value)

    def keys(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()
