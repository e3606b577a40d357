"""That a soak finds what it looks for, without a process: ledgers and gauges that were broken."""

import io
import os
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "support")]
import chaos_member  # noqa: E402
import moot_process  # noqa: E402
import moot_wire  # noqa: E402
import soak_faults  # noqa: E402
import soak_gauge  # noqa: E402
import soak_judge  # noqa: E402
from moot_records import ms_of  # noqa: E402
from soak_crowd import Device  # noqa: E402
from soak_ledger import Book, Ledger  # noqa: E402


def device(number, account):
    return Device(number, moot_wire.Key(account, bytes(8), bytes(32), "moot.local", "127.0.0.1", 1))


class LedgerCase(unittest.TestCase):
    def setUp(self):
        self.ada, self.phone = device(0, "ada"), device(1, "ada")
        self.bob, self.tablet, self.cyd = device(2, "bob"), device(3, "bob"), device(4, "cyd")
        self.ledger = Ledger({"ada": [self.ada, self.phone], "bob": [self.bob, self.tablet],
                              "cyd": [self.cyd]})

    def assert_finding(self, text):
        self.assertEqual(len(self.ledger.findings), 1, self.ledger.findings)
        self.assertRegex(self.ledger.findings[0], text)

    def assert_good(self):
        self.assertEqual(self.ledger.findings, [])


class PrivateTest(LedgerCase):
    def setUp(self):
        super().setUp()
        self.said = self.ledger.say(self.ada, "bob", moot_wire.new_ulid(), moot_wire.text_content("1 x"))
        self.said.sends = 1

    def reach(self, who, **changes):
        own = {"to": "bob"} if who.account == "ada" else {}
        c = {"from": "ada", "msg_id": self.said.id, "msg": self.said.msg,
             "sent": ms_of(self.said.id), **own, **changes}
        return self.ledger.heard(who, c, ("m0",))

    def acknowledge(self, by="bob"):
        self.ledger.acknowledged(self.ada, {"from": by, "msg_id": self.said.id})

    def reach_all(self):
        for who in (self.bob, self.tablet, self.phone):
            self.reach(who)
        self.said.acks_sent = 1
        self.acknowledge()

    def test_takes_what_reached_everybody(self):
        self.reach_all()
        self.ledger.private_findings()
        self.assert_good()

    def test_takes_that_nobody_has_what_nobody_was_told_is_safe(self):
        self.ledger.private_findings()
        self.assert_good()

    def test_finds_an_acknowledged_message_that_a_device_lacks(self):
        self.reach(self.bob)
        self.reach(self.phone)
        self.said.acks_sent = 1
        self.acknowledge()
        self.ledger.private_findings()
        self.assert_finding("never reached device 3 of bob")

    def test_finds_what_a_barrier_said_is_safe_and_nobody_has(self):
        self.said.safe = True
        self.ledger.private_findings()
        self.assertEqual(len(self.ledger.findings), 3)

    def test_finds_that_the_authors_other_device_lacks_it(self):
        self.reach(self.bob)
        self.reach(self.tablet)
        self.said.acks_sent = 1
        self.acknowledge()
        self.ledger.private_findings()
        self.assert_finding("never reached device 1 of ada")

    def test_finds_an_altered_message(self):
        self.reach(self.bob, msg=b"other")
        self.assert_finding("altered")

    def test_finds_one_with_another_time(self):
        self.reach(self.bob, sent=1)
        self.assert_finding("altered")

    def test_finds_one_that_nobody_said(self):
        self.reach(self.bob, msg_id=bytes(16))
        self.assert_finding("never said")

    def test_finds_one_that_goes_to_somebody_else(self):
        self.reach(self.cyd)
        self.assert_finding("for whom it is not")

    def test_finds_one_that_comes_back_to_the_device_that_wrote_it(self):
        self.reach(self.ada)
        self.assert_finding("for whom it is not")

    def note(self, author, *readers):
        said = self.ledger.say(author, author.account, moot_wire.new_ulid(), moot_wire.text_content("2 x"))
        said.sends, said.acks_sent = 1, 1
        for who in readers:
            self.ledger.heard(who, {"from": author.account, "msg_id": said.id, "msg": said.msg,
                                    "sent": ms_of(said.id)})
        self.ledger.acknowledged(author, {"from": author.account, "msg_id": said.id})
        self.ledger.private_findings()

    def test_takes_a_note_to_oneself_that_the_other_device_has(self):
        self.note(self.ada, self.phone)
        self.assert_good()

    def test_takes_a_note_that_the_only_device_has_again(self):
        self.note(self.cyd, self.cyd)
        self.assert_good()

    def test_finds_a_note_that_the_other_device_lacks(self):
        self.note(self.ada)
        self.assert_finding("to ada.* never reached device 1 of ada")

    def test_finds_a_note_that_the_only_device_lacks(self):
        self.note(self.cyd)
        self.assert_finding("to cyd.* never reached device 4 of cyd")

    def test_finds_a_note_that_comes_back_though_there_is_another_device(self):
        self.note(self.ada, self.phone, self.ada)
        self.assert_finding("reached ada, for whom it is not")

    def test_takes_a_second_time_until_the_acknowledgement_is_safe(self):
        self.reach(self.bob)
        self.reach(self.bob)
        self.assert_good()

    def test_finds_a_second_time_after_it(self):
        self.reach(self.bob)
        self.ledger.settle(self.bob, self.said, 1)
        self.reach(self.bob)
        self.assert_finding("came again")

    def test_takes_a_second_time_where_it_was_sent_again(self):
        self.reach(self.bob)
        self.ledger.settle(self.bob, self.said, 1)
        self.said.sends = 2
        self.reach(self.bob)
        self.assert_good()

    def test_finds_an_acknowledgement_that_nobody_gave(self):
        self.acknowledge()
        self.assert_finding("no device of bob had")

    def test_finds_an_acknowledgement_by_somebody_else(self):
        self.acknowledge("cyd")
        self.assert_finding("MSG_ACK of cyd")

    def test_finds_an_acknowledgement_for_nothing(self):
        self.ledger.acknowledged(self.bob, {"from": "ada", "msg_id": self.said.id})
        self.assert_finding("never said")

    def test_finds_that_a_home_lacks_what_it_acknowledged(self):
        self.said.to, self.said.acked = "m0", True
        self.ledger.home_findings("m0", [], soak_judge.number_of)
        self.assert_finding("is not there")

    def test_finds_that_a_home_has_it_twice(self):
        self.said.to = "m0"
        self.ledger.home_findings("m0", [("ada", 1)] * 2, soak_judge.number_of)
        self.assert_finding("2 times")

    def test_finds_that_a_home_has_what_nobody_said(self):
        self.ledger.home_findings("m0", [("ada", 7)], soak_judge.number_of)
        self.assert_finding("never said")

    def written(self, confirmed):
        self.ledger.written_findings("m0", "bob", confirmed, 2, soak_judge.number_of)

    def test_finds_that_a_letter_of_a_home_never_came(self):
        self.reach(self.bob, **{"from": "m0"})
        self.written({1})
        self.assert_finding("never reached device 3")

    def test_finds_that_a_letter_of_a_home_came_under_two_ids(self):
        for who in (self.bob, self.tablet):
            self.reach(who, **{"from": "m0"})
        self.reach(self.bob, **{"from": "m0"}, msg_id=bytes(16), sent=0)
        self.written({1})
        self.assert_finding("under 2 ids")


class BookTest(LedgerCase):
    def setUp(self):
        super().setUp()
        self.book = Book(self.ledger, moot_wire.new_ulid(), "ops", [self.ada, self.bob, self.cyd])
        # Of one time, so that their order is that of their random octets.
        ids = sorted(moot_wire.new_ulid()[:6] + os.urandom(10) for _ in range(4))
        self.said = [self.book.say(self.ada, i, moot_wire.text_content(str(n)))
                     for n, i in enumerate(ids)]
        self.ids = [s.id for s in self.said]

    def hear(self, who, n, **changes):
        said = self.said[n]
        c = {"msg_id": said.id, "from": "ada", "msg": said.msg, "sent": ms_of(said.id),
             "stamp": b"stamp", "committed": True, **changes}
        return self.book.heard(who, c)

    def test_takes_a_history_with_all_that_was_committed(self):
        self.hear(self.bob, 0)
        self.hear(self.cyd, 2)
        self.book.judge(self.ids[:3])
        self.book.judge(self.ids)
        self.assert_good()

    def test_finds_a_committed_record_that_is_lost(self):
        self.hear(self.bob, 1)
        self.book.judge([self.ids[0]])
        self.assert_finding("acknowledged and not in the history")

    def test_finds_a_record_that_a_barrier_said_is_safe_and_that_is_lost(self):
        self.said[3].safe = True
        self.book.judge(self.ids[:3])
        self.assert_finding("acknowledged and not in the history")

    def test_finds_a_record_twice(self):
        self.book.judge([self.ids[0], self.ids[0], self.ids[1]])
        self.assert_finding("2 times")

    def test_finds_another_order(self):
        self.book.judge([self.ids[1], self.ids[0]])
        self.assert_finding("order")

    def test_finds_a_record_that_nobody_said(self):
        self.book.judge([bytes(16)])
        self.assert_finding("never said")

    def test_finds_a_record_that_was_refused(self):
        old = self.ids[0]
        self.book.renumbered(self.said[0], moot_wire.new_ulid())
        self.hear(self.bob, 0, msg_id=old)
        self.assert_finding("was refused")

    def test_finds_a_record_that_was_told_before_it_was_committed(self):
        self.hear(self.bob, 0, committed=False)
        self.assert_finding("before it was committed")

    def test_finds_an_altered_record(self):
        self.hear(self.bob, 0, msg=b"other")
        self.assert_finding("altered")

    def test_finds_another_stamp(self):
        self.hear(self.bob, 0)
        self.hear(self.cyd, 0, stamp=b"other")
        self.assert_finding("two stamps")

    def test_finds_a_record_told_as_new_twice(self):
        self.hear(self.bob, 0)
        self.hear(self.bob, 0, merged=True)
        self.assert_good()
        self.hear(self.bob, 0)
        self.assert_finding("as new, twice")

    def test_a_proof_is_of_all_of_the_history(self):
        self.assertEqual(self.book.proof(self.ids)[:2], (self.ids[-1], 4))
        self.assertNotEqual(self.book.proof(self.ids)[2], self.book.proof(self.ids[1:])[2])


class MemberTest(unittest.TestCase):
    class Posts:
        told, confirmed, left_behind = 3, {0, 1}, {2}

    class Of:
        name = "m0"

    def setUp(self):
        self.members = [self.Of(), self.Of()]
        for member in self.members:
            member.posts = self.Posts()
        self.history = [(f"{n:026}", "m0", n) for n in range(3)]

    def assert_finding(self, text, *histories):
        with self.assertRaisesRegex(chaos_member.Finding, text):
            chaos_member.judge(self.members, histories)

    def test_takes_equal_histories_that_have_all(self):
        chaos_member.judge(self.members, [self.history, self.history])

    def test_finds_histories_that_differ(self):
        self.assert_finding("another than", self.history, self.history[:2])

    def test_finds_what_is_lost(self):
        self.assert_finding("is in no history", self.history[1:], self.history[1:])

    def test_finds_what_never_left_the_outbox(self):
        self.assert_finding("never went", self.history[:2], self.history[:2])

    def test_finds_what_stands_there_twice(self):
        twice = [*self.history, ("3", "m0", 2)]
        self.assert_finding("twice", twice, twice)

    def test_finds_what_was_never_said(self):
        more = [*self.history, (f"{3:026}", "m0", 3)]
        self.assert_finding("m0 3 was never said", more, more)

    def test_finds_what_nobody_said_who_is_here(self):
        more = [*self.history, (f"{3:026}", "m7", 0)]
        self.assert_finding("m7 0 was never said", more, more)

    def test_finds_another_order(self):
        wrong = self.history[::-1]
        self.assert_finding("order", wrong, wrong)

    def test_finds_what_is_in_doubt_in_what_moot_says(self):
        self.assertEqual(chaos_member.in_doubt('{"connected":true,"outbox":0}'), 0)
        self.assertEqual(chaos_member.in_doubt('{"connected":true,"outbox":1}'), 1)
        with self.assertRaises(KeyError):
            chaos_member.in_doubt('{"connected":true}')


class GaugeTest(unittest.TestCase):
    def series(self, early, late):
        series = soak_gauge.Series("x")
        series.early = [soak_gauge.Sample(0, 0, kib, fds) for kib, fds in early]
        series.late = [soak_gauge.Sample(0, 0, kib, fds) for kib, fds in late]
        return series.findings()

    def test_takes_what_stays_within_its_room(self):
        self.assertEqual(self.series([(50_000, 100)] * 3, [(53_000, 101)] * 3), [])

    def test_finds_memory_that_grows(self):
        self.assertRegex(self.series([(50_000, 100)] * 3, [(58_000, 100)] * 3)[0], "memory grew")

    def test_finds_descriptors_that_grow(self):
        self.assertRegex(self.series([(50_000, 100)] * 3, [(50_000, 106)] * 3)[0], "descriptors")

    def test_finds_that_there_is_nothing_to_compare(self):
        self.assertRegex(self.series([(50_000, 100)], [])[0], "too few")

    def test_reads_a_process(self):
        before = soak_gauge.descriptors(os.getpid())
        with open(__file__, encoding="utf-8"):
            self.assertEqual(soak_gauge.descriptors(os.getpid()), before + 1)
        self.assertGreater(soak_gauge.pss_kib(os.getpid()), 1_000)


class FaultsTest(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def schedule(self, seed):
        weather = soak_faults.Weather(seed)
        return [(weather.next(), weather.jump()) for _ in range(40)]

    def test_the_faults_come_from_the_seed(self):
        self.assertEqual(self.schedule("5/weather"), self.schedule("5/weather"))
        self.assertNotEqual(self.schedule("5/weather"), self.schedule("6/weather"))

    def test_each_kind_comes(self):
        self.assertEqual({kind for kind, _ in self.schedule("1")}, set(soak_faults.KINDS))

    def service(self, code, log=""):
        class Process:
            returncode = code
            stdout = io.StringIO()

            def poll(self):
                return code

        class Server:
            process = Process()

            def log(self, _):
                return log

            log_since_start = log

        return self.service_of(Server())

    def service_of(self, server):
        disk = soak_faults.Disk(self.place, "", self.place)
        self.addCleanup(disk.close)
        return soak_faults.Service(server, disk)

    def test_takes_an_end_with_a_word(self):
        self.assertTrue(self.service(1, "store.failed reason=…").has_ended())

    def test_finds_an_end_without_a_word(self):
        with self.assertRaisesRegex(soak_faults.Trouble, "ended with 1"):
            self.service(1).has_ended()

    def test_finds_an_end_without_a_word_after_one_with_it(self):
        program = self.place / "ends"
        program.write_text('#!/bin/sh\nmkdir "$0.once" 2>/dev/null && echo store.failed >&2\n'
                           "echo ready\nexit 1\n")
        program.chmod(0o755)
        server = moot_process.Server(program, self.place)
        self.addCleanup(server.close)
        service = self.service_of(server)
        server.start().process.wait()
        self.assertTrue(service.has_ended())
        server.start().process.wait()
        with self.assertRaisesRegex(soak_faults.Trouble, "ended with 1"):
            service.has_ended()

    def test_finds_an_abort(self):
        with self.assertRaisesRegex(soak_faults.Trouble, "ended with -6"):
            self.service(-6, "store.failed").has_ended()

    def test_finds_an_end_without_a_cause(self):
        with self.assertRaisesRegex(soak_faults.Trouble, "by itself"):
            self.service(0).check_alive()


if __name__ == "__main__":
    unittest.main()
