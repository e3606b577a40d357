#!/usr/bin/env python3
"""The rules of tools/tidy.py, each seen to hold and to be broken."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tidy import check_tree
from tidy_cpp import await_findings, code_only


def findings_of(path, body, **others):
    """What tidy says of one file, in a tree where everything else is in order."""
    texts = {
        "src/base/bytes.h": "#pragma once\n",
        "src/wire/frame.h": '#pragma once\n#include "base/bytes.h"\n',
        "src/net/socket.h": '#pragma once\n#include "wire/frame.h"\n',
        "src/net/socket.cc": '#include "net/socket.h"\n',
        "src/net/CMakeLists.txt": "moot_library(net SOURCES socket.cc)\n",
    }
    texts.update({name.replace("__", "/"): text for name, text in others.items()})
    texts[path] = body
    if path.endswith(".cc"):
        texts[str(Path(path).parent / "CMakeLists.txt")] = f"moot_library(x SOURCES {Path(path).name})\n"
    else:
        texts["tests/uses.cc"] = f'#include "{path.removeprefix("src/")}"\n'
        texts["tests/CMakeLists.txt"] = "add_executable(uses uses.cc)\n"
    return [(line, what) for where, line, what in check_tree(texts) if where == path]


class Directions(unittest.TestCase):
    def test_a_folder_includes_what_the_table_allows_and_nothing_else(self):
        for folder, target, ok in [
            ("wire", "base/bytes.h", True),
            ("session", "wire/frame.h", True),
            ("server", "wire/frame.h", True),
            ("net", "wire/frame.h", True),
            ("apps", "net/socket.h", True),
            ("base", "wire/frame.h", False),
            ("channel", "wire/frame.h", False),
            ("store", "wire/frame.h", False),
            ("server", "net/socket.h", False),
            ("sim", "net/socket.h", False),
        ]:
            path = f"apps/x.cc" if folder == "apps" else f"src/{folder}/x.cc"
            found = findings_of(path, f'// why\n#include "{target}"\n')
            wanted = [] if ok else [(2, f"{folder} may not include {target.split('/')[0]}")]
            self.assertEqual(found, wanted, f"{folder} -> {target}")

    def test_a_quoted_include_names_a_file_from_src(self):
        self.assertEqual(len(findings_of("src/wire/x.cc", '#include "frame.h"\n')), 1)
        self.assertEqual(len(findings_of("src/wire/x.cc", '#include "../base/bytes.h"\n')), 1)
        self.assertEqual(findings_of("src/wire/x.cc", '// #include "frame.h"\n'), [])

    def test_public_headers_stand_alone_and_the_client_may_include_them(self):
        public = {"include/moot/client.h": "#pragma once\n#include <string>\n"}
        use = '#include "moot/client.h"\n'
        for folder, found in [("client", 0), ("net", 0), ("server", 1)]:
            lists = {f"src/{folder}/x.cc": use, f"src/{folder}/CMakeLists.txt": "f(x.cc)"}
            self.assertEqual(len(check_tree(public | lists)), found, folder)
        self.assertEqual(len(findings_of("include/moot/y.h", '#pragma once\n#include "base/bytes.h"\n')), 1)

    def test_a_folder_without_a_rule_is_a_finding(self):
        self.assertEqual(len(findings_of("src/misc/x.cc", "")), 1)
        self.assertEqual(len(findings_of("extra/x.cc", "")), 1)


class Doors(unittest.TestCase):
    def test_each_library_has_one_door(self):
        for path, header, ok in [
            ("src/crypto/x.cc", "hwy/highway.h", True),
            ("src/wire/x.cc", "hwy/highway.h", False),
            ("src/seal/x.cc", "sodium.h", True),
            ("src/store/x.cc", "sodium.h", False),
            ("src/store/x.cc", "sqlite3.h", True),
            ("apps/x.cc", "sqlite3.h", False),
            ("src/net/x.cc", "boost/asio.hpp", True),
            ("apps/x.cc", "boost/asio.hpp", False),
            ("src/net/x.cc", "spdlog/spdlog.h", True),
            ("apps/x.cc", "spdlog/spdlog.h", True),
            ("src/server/x.cc", "spdlog/spdlog.h", False),
            ("apps/x.cc", "CLI/CLI.hpp", True),
            ("src/net/x.cc", "CLI/CLI.hpp", False),
            ("src/wire/x.cc", "msgpack.hpp", False),
            ("src/crypto/x_test.cc", "openssl/evp.h", True),
            ("src/crypto/x.cc", "openssl/evp.h", False),
            ("tests/x.cc", "nlohmann/json.hpp", True),
            ("src/wire/x.cc", "nlohmann/json.hpp", False),
            ("src/wire/x_test.cc", "gtest/gtest.h", True),
            ("src/wire/x.cc", "gtest/gtest.h", False),
            ("src/net/x.cc", "zlib/zlib.h", False),
        ]:
            self.assertEqual(findings_of(path, f"#include <{header}>\n") == [], ok, f"{path} {header}")

    def test_system_headers_stay_in_the_shells(self):
        self.assertEqual(findings_of("src/net/x.cc", "#include <sys/socket.h>\n"), [])
        self.assertEqual(len(findings_of("src/wire/x.cc", "#include <unistd.h>\n")), 1)


class Purity(unittest.TestCase):
    def test_a_core_has_no_clock_no_randomness_no_files_and_no_threads(self):
        for body in [
            "#include <thread>\n", "#include <mutex>\n", "#include <fstream>\n", "#include <iostream>\n",
            "#include <random>\n", "#include <filesystem>\n",
            "auto t = std::chrono::steady_clock::now();\n", "auto t = std::time(nullptr);\n",
            "auto t = time(&now);\n", "clock_gettime(CLOCK_REALTIME, &ts);\n",
            "std::random_device d;\n", "int x = rand();\n", "getrandom(p, n, 0);\n",
            'auto* f = std::fopen("x", "r");\n', 'std::printf("x");\n', "std::cerr << 1;\n",
            "std::this_thread::yield();\n", "std::thread t;\n", 'getenv("HOME");\n',
        ]:
            self.assertEqual(len(findings_of("src/server/x.cc", body)), 1, body)

    def test_words_that_only_look_alike_are_fine(self):
        for body in [
            "#include <chrono>\n", "// std::chrono::steady_clock is not for us\n", 'say("time(0)");\n',
            "int operand(int);\n", "entry.time();\n", "UnixMs time() const;\n", "std::snprintf(b, n, f);\n",
            "brand(3);\n", "frame.time(0);\n",
        ]:
            self.assertEqual(findings_of("src/server/x.cc", body), [], body)

    def test_shells_that_stay_deterministic_have_no_clock_and_seal_may_ask_for_randomness(self):
        self.assertEqual(len(findings_of("src/sim/x.cc", "std::random_device d;\n")), 1)
        self.assertEqual(len(findings_of("src/store/x.cc", "auto t = steady_clock::now();\n")), 1)
        self.assertEqual(findings_of("src/store/x.cc", "std::mutex m;\n"), [])
        self.assertEqual(findings_of("src/seal/x.cc", "randombytes_buf(p, n);\n"), [])
        self.assertEqual(len(findings_of("src/seal/x.cc", "auto t = time(nullptr);\n")), 1)
        self.assertEqual(findings_of("src/net/x.cc", "auto t = steady_clock::now();\n"), [])


class CoAwait(unittest.TestCase):
    def test_braces_and_capturing_lambdas_beside_co_await_are_found(self):
        for body in [
            "co_await send(Frame{seq, body});",
            "co_await send({seq, body});",
            "co_await run([self] { self->poke(); });",
            "co_await run([] { poke(); });",
            "co_await run([=](int x) mutable { poke(x); }, y);",
            "auto f = ok ? co_await next() : Frame{};",
            "auto f =\n    co_await send(\n        Frame{\n            seq});",
            "Frame f{co_await next()};",
            "return_value({1, co_await next()});",
            "co_return Reply{co_await next()};",
            "if (co_await send(Frame{1})) { go(); }",
            "if (auto r = co_await send({1}); r) go();",
            "while (co_await read({buf, n})) {}",
            "if (x) co_await send(Frame{1});",
            "f([&] { g(); }, co_await h());",
            "co_await (a{} || b);",
        ]:
            text = "awaitable<void> f() {\n" + body + "\n}\n"
            self.assertNotEqual(await_findings(text), [], body)

    def test_named_locals_and_blocks_around_co_await_are_fine(self):
        for body in [
            "Frame frame{seq, body};\nco_await send(std::move(frame));",
            "if (co_await next()) { f = Frame{1}; } else { g({1}); }",
            "while (co_await next()) { f({1}); }",
            "for (int i{0}; i < 3; ++i) { co_await next(); }",
            "switch (co_await next()) { case 1: { co_await x(); break; } default: f({}); }",
            "do { f({1}); } while (co_await next());",
            "try { co_await next(); } catch (const E& e) { f({1}); }",
            "auto loop = [self]() -> awaitable<void> { co_await self->run(); };\nspawn(ex, std::move(loop));",
            "spawn(ex, [self]() -> asio::awaitable<void> { co_await self->run(); }, detached);",
            "spawn(ex, [self] { return g({1}); });\nco_await next();",
            'co_await log("{");  // { in a text\nco_await put(\'{\');',
            "const auto n = co_await read(buffers[i], at(map[key]));",
            "#define X { co_await y(Frame{}) }\nco_await next();",
        ]:
            text = "struct S final : Base {\nasio::awaitable<Result<int>> f(int x = 3) const {\n" + body + "\n}\n};\n"
            self.assertEqual(await_findings(text), [], body)

    def test_a_finding_names_the_line_of_the_co_await(self):
        self.assertEqual([line for line, _ in await_findings("void f() {\n  g();\n  x =\n co_await\n h({1});\n}\n")], [4])

    def test_coroutines_live_in_net_only(self):
        self.assertEqual(findings_of("src/net/x.cc", "task f() { co_await g(); }\n"), [])
        self.assertEqual(len(findings_of("src/store/x.cc", "task f() { co_await g(); }\n")), 1)


class Citations(unittest.TestCase):
    PAGE = "# Title\n## 5. A connection\n1. One\n2. Two\n### 6.1 Basics\n"

    def findings(self, comment):
        tree = {"docs/protocol.md": self.PAGE, "src/wire/x.h": f"#pragma once\n// {comment}\n",
                "src/wire/x_test.cc": '#include "wire/x.h"\n', "src/wire/CMakeLists.txt": "f(x_test.cc)"}
        return check_tree(tree)

    def test_a_section_that_is_cited_exists(self):
        for comment in ["protocol.md 5", "protocol.md 5.2", "(docs/protocol.md 6.1, and more)", "protocol.md R7"]:
            self.assertEqual(self.findings(comment), [], comment)
        for comment in ["protocol.md 5.3", "protocol.md 7", "security.md 2.1"]:
            self.assertEqual(len(self.findings(comment)), 1, comment)


class Tree(unittest.TestCase):
    def test_a_header_has_pragma_once_and_somebody_who_includes_it(self):
        self.assertEqual(findings_of("src/wire/x.h", "#pragma once\n"), [])
        self.assertEqual(len(findings_of("src/wire/x.h", "// #pragma once\n")), 1)
        lonely = check_tree({"src/wire/x.h": "#pragma once\n"})
        self.assertEqual(lonely, [("src/wire/x.h", 1, "nothing includes this header")])

    def test_a_source_file_is_built_by_a_cmake_list_of_its_own_folder_or_above(self):
        self.assertEqual(len(check_tree({"src/wire/x.cc": ""})), 1)
        self.assertEqual(check_tree({"src/wire/x.cc": "", "src/wire/CMakeLists.txt": "f(x.cc)"}), [])
        self.assertEqual(check_tree({"src/wire/x.cc": "", "src/CMakeLists.txt": "f(wire/x.cc)"}), [])
        self.assertEqual(len(check_tree({"src/wire/x.cc": "", "src/net/CMakeLists.txt": "f(x.cc)"})), 1)
        self.assertEqual(len(check_tree({"src/wire/x.cc": "", "src/wire/CMakeLists.txt": "f(xx.cc)"})), 1)

    def test_unfinished_work_is_found_in_code_and_comments(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" * 3):
            self.assertEqual(len(findings_of("src/wire/x.cc", f"// {word}: later\n")), 1)
        self.assertEqual(findings_of("src/wire/x.cc", "// the todos of a user\n"), [])

    def test_a_test_never_sleeps(self):
        self.assertEqual(len(findings_of("src/net/x_test.cc", "std::this_thread::sleep_for(1s);\n")), 1)
        self.assertEqual(len(findings_of("tests/x.cc", "usleep(3);\n")), 1)
        self.assertEqual(findings_of("tests/x.cc", "// sleep(3) would be wrong\n"), [])
        self.assertEqual(len(check_tree({"tests/process/x.py": "time.sleep(1)\n"})), 1)


class Reader(unittest.TestCase):
    def test_comments_and_literals_are_blanked_and_lines_kept(self):
        text = 'a /* { \n } */ b("{;\\"", \'{\', 1\'000, R"x({"})x") // {\n#include <c/d.h>\n'
        code = code_only(text)
        self.assertEqual(code.count("\n"), text.count("\n"))
        self.assertNotIn("{", code)
        self.assertIn("1'000", code)
        self.assertIn("#include <c/d.h>", code)


if __name__ == "__main__":
    unittest.main()
