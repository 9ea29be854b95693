"""NUMA judged by Nova's own arithmetic: nova.virt.hardware of Debian's python3-nova, on made up hosts, guests and flavors."""
import copy
import itertools
import json
import logging
import os
import random
import subprocess
import unittest
import warnings

import novatest

FILTER = os.path.join(novatest.BUILD, 'tests', 'integration', 'numa-filter')
CASES = int(os.environ.get('NOVA_NUMA_CASES', '500'))

try:
    warnings.simplefilter('ignore')
    logging.disable(logging.CRITICAL)
    import nova.conf
    from nova import exception as nova_exception
    from nova import objects
    from nova.virt import hardware
    objects.register_all()
    missing = None
except ImportError as e:
    missing = 'python3-nova is not installed: %s' % e


class InOrder(set):
    """A set that is walked in ascending order. Python's own order is that of hashes, by which Nova picks of equal threads."""

    def __iter__(self):
        return iter(sorted(super().__iter__()))


def plain(value):
    """An object's fields, sets as sorted lists, without what nobody set."""
    if hasattr(value, 'obj_fields'):
        return {f: plain(getattr(value, f)) for f in value.obj_fields if value.obj_attr_is_set(f)}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    return value


@unittest.skipIf(missing, missing)
class Numa(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([FILTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.stdout.close)
        cls.addClassCleanup(cls.process.stdin.close)
        free = objects.NUMACell.free_siblings
        objects.NUMACell.free_siblings = property(lambda cell: [InOrder(s) for s in free.fget(cell)])
        cls.addClassCleanup(setattr, objects.NUMACell, 'free_siblings', free)

    def setUp(self):
        seed = int(os.environ.get('NOVA_NUMA_SEED', str(random.randrange(1000000))))
        print('seed %d' % seed, flush=True)
        self.random = random.Random(seed)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request, default=list) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def topology(self, answer, cls):
        self.assertIn('result', answer)
        return answer['result'] and plain(cls.obj_from_primitive(answer['result']))

    # --- what flavor and image want

    def flavor_and_image(self):
        choose = self.random.choice

        def some(values, often=0.4):
            return choose(values) if self.random.random() < often else None
        vcpus, memory = choose((1, 2, 3, 4, 6, 8)), choose((512, 1024, 2048, 3000, 4096))
        specs = {'hw:cpu_policy': some(('shared', 'dedicated', 'mixed', 'own')), 'hw:cpu_thread_policy': some(('prefer', 'isolate', 'require', 'x'), 0.15),
                 'hw:numa_nodes': some(('1', '2', '3', '4', '0', 'two')), 'hw:mem_page_size': some(('large', 'small', 'any', '2048', '1GB', '2MB', 'x'), 0.2),
                 'hw:emulator_threads_policy': some(('share', 'isolate', 'x'), 0.15),
                 'hw:cpu_dedicated_mask': some(('0', '0-1', '^0', '^1-2', '5-9', '0-7'), 0.2),
                 'resources:VCPU': some(('2',), 0.05), 'resources:PCPU': some((str(vcpus), str(vcpus + 1)), 0.05),
                 'trait:HW_CPU_HYPERTHREADING': some(('required', 'forbidden'), 0.05)}
        properties = {'hw_cpu_policy': some(('shared', 'dedicated', 'mixed'), 0.1), 'hw_cpu_thread_policy': some(('prefer', 'isolate', 'require'), 0.1),
                      'hw_numa_nodes': some((1, 2), 0.1), 'hw_mem_page_size': some(('large', '2048', 'x'), 0.1)}
        if self.random.random() < 0.3:
            nodes = choose((1, 2, 3))
            cpus = list(range(vcpus + (self.random.random() < 0.1)))
            self.random.shuffle(cpus)
            for n in range(nodes):
                mine = cpus[n::nodes]
                specs['hw:numa_cpus.%d' % n] = ','.join(map(str, mine)) or '0'
                specs['hw:numa_mem.%d' % n] = str(memory // nodes if n or self.random.random() < 0.2 else memory - (nodes - 1) * (memory // nodes))
            if self.random.random() < 0.1:
                del specs['hw:numa_mem.0']
            elif self.random.random() < 0.8:
                specs['hw:numa_nodes'] = str(nodes)
        return vcpus, memory, {k: v for k, v in specs.items() if v is not None}, {k: v for k, v in properties.items() if v is not None}

    def test_what_flavor_and_image_want(self):
        made = failed = 0
        for _ in range(CASES):
            vcpus, memory, specs, properties = self.flavor_and_image()
            flavor = objects.Flavor(name='f', vcpus=vcpus, memory_mb=memory, extra_specs=specs)
            image = objects.ImageMeta(name='i', properties=objects.ImageMetaProps(**properties))
            answer = self.ask(op='constraints', specs=specs, properties=properties, vcpus=vcpus, memory_mb=memory)
            said = (vcpus, memory, specs, properties, answer)
            try:
                wanted = hardware.numa_get_constraints(flavor, image)
            except nova_exception.NovaException as e:
                self.assertIn('failure', answer, said + (e,))
                self.assertEqual(answer['failure']['class'], type(e).__name__, said)
                if not isinstance(e, (nova_exception.InvalidCPUAllocationPolicy, nova_exception.InvalidCPUThreadAllocationPolicy,
                                      nova_exception.InvalidEmulatorThreadsPolicy)):       # the order of a tuple in them
                    self.assertEqual(answer['failure']['message'], str(e), said)
                failed += 1
                continue
            found = self.topology(answer, objects.InstanceNUMATopology)
            if wanted is None:
                self.assertIsNone(found, said)
                continue
            made += 1
            self.assertEqual(found, plain(wanted), said)
        print('%d topologies, %d refusals' % (made, failed), flush=True)
        self.assertGreater(made, CASES // 10)
        self.assertGreater(failed, CASES // 10)

    # --- where it goes

    def host(self):
        choose = self.random.choice
        cells = []
        threads, per_cell = choose((1, 2, 2, 4)), choose((4, 8))
        first, kind = 0, choose(('all', 'split', 'split'))
        for n in range(choose((1, 2, 2, 3, 4))):
            cpus = list(range(first, first + per_cell))
            first += per_cell
            siblings = [set(cpus[k::per_cell // threads]) for k in range(per_cell // threads)]
            pcpus = set(cpus) if kind == 'all' else set(self.random.sample(cpus, choose((2, per_cell // 2, per_cell - 1))))
            shared = set(cpus) if kind == 'all' else set(cpus) - pcpus
            memory = choose((2048, 4096, 8192))
            pages = [objects.NUMAPagesTopology(size_kb=4, total=memory * 256, used=0, reserved=0)]
            if self.random.random() < 0.7:
                pages.append(objects.NUMAPagesTopology(size_kb=2048, total=choose((0, 512, 1024)), used=0, reserved=choose((0, 0, 64))))
            if self.random.random() < 0.3:
                pages.append(objects.NUMAPagesTopology(size_kb=1048576, total=2, used=0, reserved=0))
            self.random.shuffle(pages)
            cells.append(objects.NUMACell(id=n, cpuset=shared, pcpuset=pcpus, memory=memory, cpu_usage=0, memory_usage=0, pinned_cpus=set(),
                                          siblings=siblings, mempages=pages, socket=None,
                                          network_metadata=objects.NetworkMetadata(physnets=set(), tunneled=False)))
        if self.random.random() < 0.2:
            for cell in cells:
                cell.mempages = [p for p in cell.mempages if p.size_kb == 4]
        return objects.NUMATopology(cells=cells)

    def guest(self):
        choose = self.random.choice
        policy = choose((None, None, 'shared', 'dedicated', 'dedicated', 'mixed'))
        pinned = policy in ('dedicated', 'mixed')
        threads = choose((None, None, 'prefer', 'isolate', 'require')) if pinned else None
        page = choose((None, None, None, hardware.MEMPAGES_LARGE, hardware.MEMPAGES_SMALL, hardware.MEMPAGES_ANY, 2048, 1048576))
        cells, cpu = [], 0
        for n in range(choose((1, 1, 2, 2, 3))):
            cpus = set(range(cpu, cpu + choose((1, 2, 3))))
            cpu += len(cpus)
            own = cpus if policy == 'dedicated' else set(sorted(cpus)[:1]) if policy == 'mixed' else set()
            cells.append(objects.InstanceNUMACell(id=n, cpuset=cpus - own, pcpuset=own, memory=choose((256, 512, 1024, 2048, 1000)),
                                                  pagesize=page, cpu_policy=policy, cpu_thread_policy=threads))
        emulator = choose((None, 'share', 'isolate')) if pinned else None
        return objects.InstanceNUMATopology(cells=cells, emulator_threads_policy=emulator)

    @staticmethod
    def sorted_cells(host, guest, pack):
        """As numa_fit_instance_to_host does it."""
        cells = list(host.cells)
        if len(cells) > len(guest.cells):
            cells.sort(key=lambda c: c.avail_memory, reverse=not pack)
            if guest.cells[0].cpu_policy in (None, 'shared'):
                cells.sort(key=lambda c: c.cpu_usage, reverse=pack)
            else:
                cells.sort(key=lambda c: len(c.free_pcpus), reverse=not pack)
        return cells

    def first_permutation(self, host, guest, limits, pack):
        """What that says it does, by its own parts: the first permutation of which each cell fits. It remembers pairs by the id of the
        guest's cell, which it has changed by then, and page sizes of cells where it did not fit; so the function itself is the judge where
        the first permutation fits, which is most often."""
        for n, permutation in enumerate(itertools.permutations(self.sorted_cells(host, guest, pack), len(guest.cells))):
            cells = []
            for host_cell, cell in zip(permutation, guest.cells):
                try:
                    got = hardware._numa_fit_instance_cell(host_cell, copy.deepcopy(cell), limits,
                                                           int(guest.emulator_threads_isolated and not cells))
                except nova_exception.MemoryPageSizeNotSupported:
                    got = None
                if got is None:
                    break
                cells.append(got)
            else:
                return n == 0, objects.InstanceNUMATopology(cells=cells, emulator_threads_policy=guest.emulator_threads_policy)
        return len(guest.cells) == 1, None

    def test_where_it_goes_and_what_it_takes(self):
        fitted = refused = judged = 0
        while fitted + refused < CASES:
            host, guests = self.host(), []
            pack = self.random.random() < 0.3
            nova.conf.CONF.set_override('packing_host_numa_cells_allocation_strategy', pack, group='compute')
            empty = copy.deepcopy(host)
            for _ in range(self.random.randrange(1, 8)):
                guest = self.guest()
                limits = self.random.choice((None, (1.0, 1.0), (4.0, 1.5)))
                nova_limits = limits and objects.NUMATopologyLimits(cpu_allocation_ratio=limits[0], ram_allocation_ratio=limits[1])
                answer = self.ask(op='fit', host=host.obj_to_primitive(), guest=guest.obj_to_primitive(), limits=limits, pack=pack)
                found = self.topology(answer, objects.InstanceNUMATopology)
                clear, wanted = self.first_permutation(host, guest, nova_limits, pack)
                said = (plain(host), plain(guest), limits, pack)
                if clear:
                    judged += 1
                    by_itself = hardware.numa_fit_instance_to_host(copy.deepcopy(host), copy.deepcopy(guest), limits=nova_limits)
                    self.assertEqual(by_itself and plain(by_itself), wanted and plain(wanted))
                if wanted is None:
                    self.assertIsNone(found, said)
                    refused += 1
                    continue
                expected = plain(wanted)
                for cell in expected['cells']:
                    for field in 'cpu_pinning_raw', 'cpuset_reserved':
                        cell.setdefault(field, None)
                self.assertEqual(found, expected, said)
                fitted += 1
                try:
                    host = hardware.numa_usage_from_instance_numa(host, wanted)
                except nova_exception.CPUPinningInvalid:
                    # it gives an emulator a thread of a core that is to be the guest's alone, and then cannot take it
                    guests = []
                    break
                guests.append(wanted)
            if guests:
                used = self.topology(self.ask(op='use', host=empty.obj_to_primitive(), guests=[g.obj_to_primitive() for g in guests]),
                                     objects.NUMATopology)
                self.assertEqual(used, plain(host))
        print('%d fitted, %d refused, %d by the function itself' % (fitted, refused, judged), flush=True)
        self.assertGreater(fitted, CASES // 5)
        self.assertGreater(refused, CASES // 5)
        self.assertGreater(judged, CASES // 4)

    def test_what_is_no_topology(self):
        for text in ('{"cells": []}', '{"cells": [{"id": 0}]}', '{"cells": 7}', '{"cells": [{"id": 0, "memory": 1, "cpuset": [1024]}]}',
                     '{"cells": [{"id": 0, "memory": 1, "cpuset": [-1]}]}', '{"cells": [{"id": 0, "memory": 1, "cpu_policy": "x"}]}',
                     '{"cells": [{"id": 0, "memory": 1, "cpu_pinning_raw": {"x": 1}}]}'):
            answer = self.ask(op='fit', host=plain(self.host()), guest=json.loads(text), limits=None, pack=False)
            self.assertEqual(answer.get('failure', {}).get('class'), 'Invalid', (text, answer))
        answer = self.ask(op='fit', host={'cells': [{'id': 0, 'memory': 'much'}]}, guest=plain(self.guest()), limits=None, pack=False)
        self.assertEqual(answer['failure']['class'], 'Invalid')


if __name__ == '__main__':
    unittest.main()
