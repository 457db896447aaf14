--
-- PostgreSQL database dump
--

\restrict weSkyrmHtiGfCu7j6TJVEcAA4IOFwEyfUFITP96qsHMUv5asYWCLeMHCc2xoTZb

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: people; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.people (
    "userId" text,
    name text,
    email text,
    mobile text,
    username text,
    city text
);


ALTER TABLE public.people OWNER TO postgres;

--
-- PostgreSQL database dump complete
--

\unrestrict weSkyrmHtiGfCu7j6TJVEcAA4IOFwEyfUFITP96qsHMUv5asYWCLeMHCc2xoTZb

