idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Data for Name: people; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.people ("userId", name, email, mobile, username, city) FROM stdin;
6319a11aad8fe784821b7947	Ada Lovelace	ada@example.com	13800138000	ada	London
6319a1ce3cbee40526fad3bf	O'Neil, Sam	sam.oneil@example.org	13900139001	sam.o	Dublin
6319a181cbeee085cbda2e37	张三	zhangsan@example.cn	15012345678	zhangsan	北京
6319a1355b1edd0670b988af	Émile "Zo" Z	emile+z@example.fr	18688886666	00123	Paris, 5e
\.


--
-- PostgreSQL database dump complete
--

\unrestrict WAY7S98fGRyCgp752BckveCIgZaFbH6ZJWjPGjReNsrp3H9xxi7gkn8gn0SJ9Ms

